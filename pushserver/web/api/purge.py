"""Deleting old history over the API, a piece with each call."""

from datetime import datetime

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.route import ApiCall, ApiRoute, json_response
from pushserver.web.api.types import In, Out

#: So many pieces are deleted by one call: a second or so.
MAX_BATCHES = 10


class PurgeIn(In, kw_only=True):
    """Up to when history is to be deleted."""

    before: datetime


class PurgeOut(Out, kw_only=True):
    """How many rows were deleted, and how many are left; repeat until `done`."""

    deleted: int
    left: int
    done: bool


async def purge(call: ApiCall[None, PurgeIn]) -> web.StreamResponse:
    """Delete a piece of the scope's history."""
    retention = call.services.retention
    before = parse_instant(call.body.before, "/before") or 0
    deleted, done = 0, False
    for _ in range(MAX_BATCHES):
        batch_deleted = await retention.purge_batch(before, call.scope_id)
        deleted += batch_deleted
        done = not batch_deleted
        if done:
            break
    left = await retention.count(before, call.scope_id)
    return json_response(PurgeOut(deleted=deleted, left=left, done=done))


ROUTES = (
    ApiRoute(
        method="POST",
        path="/purge",
        name="purge",
        summary="Delete old history: ended commands, results, operations and tasks",
        handler=purge,
        permission=Permission.ADMIN,
        body_type=PurgeIn,
        response_type=PurgeOut,
        error_statuses=(400, 413, 415, 422, 503),
    ),
)
