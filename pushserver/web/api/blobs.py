"""Blobs over the API: bytes that are uploaded once, for many commands."""

from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.order import OCTET_STREAM
from pushserver.model.token import Permission
from pushserver.web.api.blob_types import BlobOut
from pushserver.web.api.call import ApiCall
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response, location
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.token_life import while_valid
from pushserver.web.blob_parts import BlobPart
from pushserver.web.blob_response import BlobResponse

routes = Routes(Tag.BLOBS, Permission.COMMANDS_READ, Permission.COMMANDS_WRITE)


@routes(
    "POST",
    "/blobs",
    "keepBlob",
    BlobOut,
    status=201,
    errors=(409,),
    raw_body_types={OCTET_STREAM: bytes},
    response_headers=("Location",),
    limits_itself=True,
)
async def keep(call: ApiCall[None, None]) -> web.StreamResponse:
    """
    Upload bytes that commands and steps name as their `bodyBlob`.

    The same bytes are kept once.
    """
    assert call.spool is not None  # noqa: S101 - bytes always are in one
    blob = await call.services.blobs.keep(call.scope_id, call.spool, call.actor)
    call.log_fields.update(blob_id=blob.id, size=blob.size)
    headers = location(call.request, f"/blobs/{blob.sha256}")
    out = render(BlobOut, blob, id=blob.sha256)
    return json_response(out, status=201, headers=headers)


@routes("GET", "/blobs/{blob_id}", "getBlob", (OCTET_STREAM,))
async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """
    Download the bytes of a blob.

    It breaks off when its token is revoked.
    """
    services, sha256 = call.services, call.path_params["blob_id"]
    blob = await services.store.blobs.find(call.scope_id, sha256)
    if blob is None:
        raise NotFound("There is no such blob.")
    response = BlobResponse([BlobPart(blob)], services.blobs, OCTET_STREAM)
    await response.prepare(call.request)
    async with while_valid(call):
        await response.send_parts()
    return response
