"""Deleting old history over the API, a part with each call."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from pushserver.model.token import Permission
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.types import In, Out


class PurgeIn(In, kw_only=True):
    """Up to when history is to be deleted; or with `dryRun` only counted."""

    before: Annotated[datetime, Meta(tz=True)]
    """What is older goes."""
    allow_future: bool = False
    """Whether `before` may lie in the future: then all goes."""
    dry_run: bool = False
    """Whether only to count."""


class PurgeOut(Out, kw_only=True):
    """How many rows were deleted, and how many are left; repeat until `done`."""

    deleted: int
    """How many rows were deleted."""
    left: int
    """How many are left."""
    done: bool
    """Whether nothing is left."""
    dry_run: bool = False
    """Whether they were only counted."""


routes = Routes(Tag.SERVER, Permission.ADMIN, Permission.ADMIN)


@routes(
    "POST",
    "/purge",
    "purge",
    PurgeOut,
    example={"before": "2025-01-31T00:00:00Z", "dryRun": True},
)
async def purge(call: ApiCall[None, PurgeIn]) -> web.StreamResponse:
    """Delete old history: ended commands, results, operations and tasks."""
    before = parse_instant(call.body.before, "/before")
    purging, body = call.services.purging, call.body
    allow_future = body.allow_future
    if body.dry_run:
        progress = await purging.preview(
            before, call.scope_id, allow_future=allow_future
        )
    else:
        progress = await purging.purge_part(
            before, call.scope_id, call.actor, allow_future=allow_future
        )
    return json_response(render(PurgeOut, progress, dry_run=body.dry_run))
