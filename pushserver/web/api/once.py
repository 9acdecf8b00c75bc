"""Calls that are done once for an Idempotency-Key, and answered from the store then."""

import enum
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import cast

import msgspec
from aiohttp import web

from pushserver.errors import (
    IdempotencyMismatch,
    Invalid,
    Unavailable,
)
from pushserver.model.idempotency import IdempotencyKey, seal, unseal
from pushserver.model.secret import hash_secret
from pushserver.model.token import Token
from pushserver.services.idempotency import IdempotencyKeys, IdempotentRequest
from pushserver.services.off_loop import MAX_IN_THREAD, MAX_INLINE, run_in_thread
from pushserver.web.api.accept import preferred_media_type
from pushserver.web.api.canonical_request import canonical_query
from pushserver.web.device_url import mask_keys_in_text
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.response import make_response
from pushserver.web.session_secrets import bearer_secret
from pushserver.web.single_header import single_header
from pushserver.web.spool import Spool

HEADER = "Idempotency-Key"
#: The response header that tells that an answer is a stored one.
REPLAYED_HEADER = {"Idempotency-Replayed": "true"}
MAX_KEY_LENGTH = 255


class Idempotency(enum.Enum):
    """
    How the answer to the first request under an Idempotency-Key is stored.

    By the handler with its change, in one transaction; or by the route, which claims
    the key before the handler runs.
    """

    WITH_CHANGE = "with the change"
    CLAIMED = "claimed before"


class _StoredResponse(msgspec.Struct, array_like=True):
    status: int
    body: bytes
    content_type: str = JSON_MEDIA_TYPE


async def parse_idempotent_request(
    request: web.Request,
    token: Token,
    path: str,
    media_types: str,
    raw_body: bytes,
    spool: Spool | None = None,
) -> IdempotentRequest | None:
    """
    Return the request's Idempotency-Key and what identifies the request, if it has one.

    The *path* is canonical; the *media_types* are its body's and that of its answer.

    Raises:
        Malformed: there are two.
        Invalid: the key is empty, too long or not printable.
    """
    value = single_header(request.headers, HEADER)
    if value is None:
        return None
    if not value or len(value) > MAX_KEY_LENGTH or not value.isprintable():
        raise Invalid(f"{HEADER} must have 1 to {MAX_KEY_LENGTH} printable characters.")
    types_and_query = f"{media_types}\n{canonical_query(request.query)}\n"
    digest = hashlib.sha256(types_and_query.encode(errors="replace"))
    if spool is not None:
        await spool.feed(digest.update)
    elif len(raw_body) <= MAX_IN_THREAD:
        digest.update(raw_body)
    else:
        await run_in_thread(digest.update, raw_body)
    if value != mask_keys_in_text(value):
        value = hash_secret(value)  # a device's key, typed here: none is stored
    return IdempotentRequest(IdempotencyKey(token.id, path, value), digest.hexdigest())


def other_answer_type(request: web.Request, offered: Sequence[str]) -> str:
    """Return which type of answer is meant, if it is not the first that is offered."""
    if not offered:
        return ""
    preferred = preferred_media_type(request.headers.get("Accept", ""), offered)
    return "" if preferred == offered[0] else f" for {preferred}"


async def answer_once(
    keys: IdempotencyKeys,
    idempotent_request: IdempotentRequest,
    request: web.Request,
    answer: Callable[[], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """
    Return what *answer* does, or what it did for the first request with the key.

    What was refused may be tried again. Answers may show secrets, so they are stored
    sealed with the caller's own token.

    Raises:
        IdempotencyMismatch: the key was used with another request.
        IdempotencyUnknown: it was claimed before, and there is no answer.
        Unavailable: the store is away.
    """
    secret = bearer_secret(request.headers["Authorization"])
    stored = await keys.claim(idempotent_request)
    if stored is not None:
        return _replay(await _in_thread_if_long(len(stored), unseal, stored, secret))
    async with keys.kept_if_in_doubt(idempotent_request):
        response = await answer()
    length = response.content_length or 0
    to_store = await _in_thread_if_long(length, _seal_response, response, secret)
    with suppress(Unavailable):
        # It was done, and its caller learns so; the key stays claimed.
        await keys.settle(idempotent_request, to_store)
    return response


async def _in_thread_if_long(
    length: int, function: Callable[..., bytes], *args: object
) -> bytes:
    """Return what *function* makes of an answer, which may be that of a whole fleet."""
    if length <= MAX_INLINE:
        return function(*args)
    return await run_in_thread(function, *args)


def _seal_response(response: web.StreamResponse, secret: str) -> bytes:
    body = cast("bytes | None", cast("web.Response", response).body) or b""
    stored = _StoredResponse(response.status, body, response.content_type)
    return seal(msgspec.msgpack.encode(stored), secret)


def _replay(stored: bytes) -> web.StreamResponse:
    try:
        first = msgspec.msgpack.decode(stored, type=_StoredResponse)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise IdempotencyMismatch("This Idempotency-Key is another token's.") from None
    return make_response(
        first.body,
        status=first.status,
        content_type=first.content_type,
        headers=REPLAYED_HEADER,
    )
