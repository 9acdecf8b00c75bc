"""Commands over the API: list, wait, release, retry."""

from functools import partial
from typing import Any

import attrs
from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.order import OCTET_STREAM
from pushserver.model.token import Permission
from pushserver.services.adoption import get_or_adopt_device
from pushserver.services.door_permission import require_door_permission
from pushserver.services.off_loop import in_pieces
from pushserver.storage.history import CommandFilter, CommandRecord
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import optional_instant_range
from pushserver.web.api.command_requests import (
    CommandsQuery,
    DeviceCommandsQuery,
    WaitQuery,
)
from pushserver.web.api.command_types import CommandOut, CommandsOut
from pushserver.web.api.command_views import command_record_out, record_response
from pushserver.web.api.created_commands import render_created
from pushserver.web.api.device_fields import optional_device_id
from pushserver.web.api.once import Idempotency
from pushserver.web.api.query import MAX_WAIT, cap_limit, optional_int64
from pushserver.web.api.reading_turn import respond_in_turn
from pushserver.web.api.responses import created_id, created_response, page_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.spooled_response import LongResponse

routes = Routes(Tag.COMMANDS, Permission.COMMANDS_READ, Permission.COMMANDS_WRITE)
_COMMAND = "/commands/{command_id}"


@routes(
    "GET",
    "/devices/{device_id}/commands",
    "listCommandsOfDevice",
    CommandsOut,
    path_must_exist=False,
    in_turn=False,
)
async def list_device_commands(
    call: ApiCall[DeviceCommandsQuery, None],
) -> web.StreamResponse:
    """List a device's commands, newest first."""
    page = partial(_command_page, call, call.path_device().device_id)
    return await respond_in_turn(call, page)


@routes(
    "GET", "/commands", "listCommands", CommandsOut, limits_itself=True, in_turn=False
)
async def list_commands(call: ApiCall[CommandsQuery, None]) -> web.StreamResponse:
    """List commands, newest first."""
    device_id = optional_device_id(call, call.query.device_id)
    page = partial(_command_page, call, device_id)
    return await respond_in_turn(call, page)


async def _command_page(
    call: ApiCall[Any, None], device_id: int | None
) -> web.StreamResponse:
    query = call.query
    command_filter = attrs.evolve(
        _command_filter(query, device_id),
        device_ids=await call.services.token_reach.device_ids(call.token),
    )
    list_page = partial(call.services.store.commands, call.scope_id, command_filter)
    before, limit = optional_int64(query.cursor, "cursor"), cap_limit(query.limit)
    include_bodies = "body" in query.include
    records = await list_page(before=before, limit=limit, include_bodies=include_bodies)
    protocols, next_cursor = call.services.protocols, None
    render = partial(command_record_out, protocols, reader=call.token)
    items = [render(each) async for each in in_pieces(records)]
    # A page also ends early when it grows too heavy: look one command further.
    if items and await list_page(
        before=records[-1].command.id, limit=1, include_bodies=False
    ):
        next_cursor = items[-1].id
    return page_response(call.request, CommandsOut, items, next_cursor=next_cursor)


def _command_filter(query: DeviceCommandsQuery, device_id: int | None) -> CommandFilter:
    after, before = optional_instant_range(query.created_after, query.created_before)
    return CommandFilter(
        states=frozenset(query.state),
        device_id=device_id,
        endpoint=query.endpoint,
        created_after=after,
        created_before=before,
        operation_id=optional_int64(query.operation_id, "operationId"),
        held=query.held,
        supersede_key=query.supersede,
        created_by=optional_int64(query.created_by, "createdBy"),
    )


@routes("GET", _COMMAND, "getCommand", CommandOut, errors=(429,))
async def get(call: ApiCall[WaitQuery, None]) -> web.StreamResponse:
    """
    Show a command with its deliveries and its result.

    With `wait`, when it is over, or as it stands after that many seconds.
    """
    services, command_id = call.services, call.path_int64("command_id")
    seconds = min(call.query.wait, MAX_WAIT)
    if seconds:
        async with call.waiting(seconds):
            await services.queue.wait_until_over(call.scope_id, command_id, seconds)
    show = partial(_show, call, command_id)
    return await respond_in_turn(call, show)


async def _show(call: ApiCall[Any, None], command_id: int) -> web.StreamResponse:
    record = await call.services.queue.get(call.scope_id, command_id)
    return record_response(call, record)


@routes("POST", _COMMAND + "/release", "releaseCommand", CommandOut, errors=(409,))
async def release(call: ApiCall[None, None]) -> web.StreamResponse:
    """Let a command be handed out that was held after a restore."""
    command_id = call.path_int64("command_id")
    _require_permission(call, await call.services.queue.get(call.scope_id, command_id))
    record = await call.services.held_commands.release(
        call.scope_id, command_id, call.actor
    )
    return record_response(call, record)


@routes(
    "GET",
    _COMMAND + "/result",
    "getCommandResult",
    (OCTET_STREAM, "*/*"),
    response_headers=(
        "Content-Disposition",
        "Content-Encoding",
        "X-Content-Type-Options",
    ),
    errors=(410,),
    permission=Permission.RESULTS_READ,
)
async def get_result(call: ApiCall[None, None]) -> web.StreamResponse:
    """Return the result's body as the device posted it."""
    return await respond_in_turn(call, partial(_result_response, call))


async def _result_response(call: ApiCall[None, None]) -> web.StreamResponse:
    command_id = call.path_int64("command_id")
    result = await call.services.store.find_result(call.scope_id, command_id)
    if result is None:
        await call.services.queue.get(call.scope_id, command_id)
        raise NotFound(f"Command {command_id} has no result yet.")
    result.require_body()
    headers = {
        "Content-Type": result.content_type or OCTET_STREAM,
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    if result.content_encoding:
        headers["Content-Encoding"] = result.content_encoding
    return LongResponse([result.body], headers=headers)


@routes(
    "POST",
    _COMMAND + "/retry",
    "retryCommand",
    CommandOut,
    status=201,
    errors=(409, 410, 429),
    response_headers=("Location",),
    idempotency=Idempotency.WITH_CHANGE,
)
async def retry(call: ApiCall[None, None]) -> web.StreamResponse:
    """Enqueue a new command like one that has ended."""
    services, command_id = call.services, call.path_int64("command_id")
    record = await services.queue.get(call.scope_id, command_id)
    _require_permission(call, record)
    if record.command.order is not None:
        await services.blobs.require(call.scope_id, [record.command.order])
    identity = services.protocols.identity_of(record.command.device_id)
    actor = call.actor
    device = await get_or_adopt_device(
        services.fleet, services.cluster_sync, call.token, identity, actor
    )
    render = partial(render_created, device, services, False, reader=call.token)
    enqueued = await services.queue.retry(
        call.scope_id, command_id, render, call.idempotency, actor
    )
    retry_id = created_id(enqueued.answer)
    call.log_fields.update(command_id=retry_id, retry_of=command_id)
    return created_response(
        call.request, "/commands", enqueued.answer, replayed=enqueued.replayed
    )


def _require_permission(call: ApiCall[None, None], record: CommandRecord) -> None:
    """Check that the caller may have a command done, or done again."""
    order = record.command.order
    assert order is not None  # noqa: S101 - records are read with their orders
    require_door_permission(call.token, call.services.protocols, [order])
