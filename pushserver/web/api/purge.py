"""Deleting old history over the API, a part with each call."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from pushserver.model.token import Permission
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response
from pushserver.web.api.route import ApiCall
from pushserver.web.api.routes import Routes
from pushserver.web.api.types import In, Out


class PurgeIn(In, kw_only=True):
    """Up to when history is to be deleted; or with `dryRun` only counted."""

    before: Annotated[datetime, Meta(tz=True)]
    allow_future: bool = False
    dry_run: bool = False


class PurgeOut(Out, kw_only=True):
    """How many rows were deleted, and how many are left; repeat until `done`."""

    deleted: int
    left: int
    done: bool
    dry_run: bool = False


routes = Routes(Permission.ADMIN, Permission.ADMIN)


@routes("POST", "/purge", "purge", PurgeOut)
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
