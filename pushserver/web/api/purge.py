"""Deleting old history over the API, a part with each call."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from pushserver.model.token import Permission
from pushserver.services.purging import purge_part
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response
from pushserver.web.api.route import ApiCall, Routes
from pushserver.web.api.types import In, Out


class PurgeIn(In, kw_only=True):
    """Up to when history is to be deleted."""

    before: Annotated[datetime, Meta(tz=True)]


class PurgeOut(Out, kw_only=True):
    """How many rows were deleted, and how many are left; repeat until `done`."""

    deleted: int
    left: int
    done: bool


routes = Routes(Permission.ADMIN, Permission.ADMIN)


@routes("POST", "/purge", "purge", PurgeOut)
async def purge(call: ApiCall[None, PurgeIn]) -> web.StreamResponse:
    """Delete old history: ended commands, results, operations and tasks."""
    before = parse_instant(call.body.before, "/before")
    services = call.services
    progress = await purge_part(
        services.retention, services.store.audit, before, call.scope_id, call.actor
    )
    return json_response(render(PurgeOut, progress))
