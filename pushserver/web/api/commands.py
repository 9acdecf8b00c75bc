"""Commands over the API: look, wait, cancel, try again."""

from functools import partial

from aiohttp import web

from pushserver.clock import from_datetime
from pushserver.dialects.controlid.order import OCTET_STREAM
from pushserver.errors import NotFound
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission
from pushserver.storage.history import CommandFilter
from pushserver.web.api.command_types import (
    CommandIn,
    CommandOut,
    CommandsOut,
    CommandsQuery,
    RawCommandQuery,
    WaitQuery,
)
from pushserver.web.api.enqueue import enqueue, get_or_adopt_device, render_created
from pushserver.web.api.route import (
    BASE_PATH,
    JSON_MEDIA_TYPE,
    MAX_WAIT,
    ApiCall,
    ApiRoute,
    cap_limit,
    encoded_json_response,
    json_response,
    next_link,
)
from pushserver.web.api.views import command_record_out
from pushserver.web.middleware import add_log_fields


async def list_commands(call: ApiCall[CommandsQuery, None]) -> web.StreamResponse:
    """List commands, newest first."""
    return await _command_page(call, call.query.device_id)


async def list_device_commands(
    call: ApiCall[CommandsQuery, None],
) -> web.StreamResponse:
    """List one device's commands, newest first."""
    return await _command_page(call, str(call.path_int64("device_id")))


async def _command_page(
    call: ApiCall[CommandsQuery, None], device_id: str | None
) -> web.StreamResponse:
    query = call.query
    limit = cap_limit(query.limit)
    records = await call.services.store.commands(
        call.scope_id,
        _command_filter(query, device_id),
        before=_optional_int64(query.cursor, "cursor"),
        limit=limit,
    )
    page = CommandsOut(items=[command_record_out(record) for record in records])
    if not records or await _is_last_page(
        call, query, device_id, records[-1].command.id
    ):
        return json_response(page)
    page.next_cursor = page.items[-1].id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


async def _is_last_page(
    call: ApiCall[CommandsQuery, None],
    query: CommandsQuery,
    device_id: str | None,
    last_id: int,
) -> bool:
    """Look one command further: a page also ends early when it grows too heavy."""
    command_filter = _command_filter(query, device_id)
    store = call.services.store
    return not await store.commands(
        call.scope_id, command_filter, before=last_id, limit=1
    )


def _command_filter(query: CommandsQuery, device_id: str | None) -> CommandFilter:
    after, before = query.created_after, query.created_before
    return CommandFilter(
        states=frozenset(query.state),
        device_id=_optional_int64(device_id, "deviceId"),
        endpoint=query.endpoint,
        created_after=None if after is None else from_datetime(after),
        created_before=None if before is None else from_datetime(before),
        operation_id=_optional_int64(query.operation_id, "operationId"),
    )


def _optional_int64(text: str | None, what: str) -> int | None:
    return (
        None if text is None else parse_int64(text, field_name=what, pointer=f"/{what}")
    )


async def get(call: ApiCall[WaitQuery, None]) -> web.StreamResponse:
    """Show one command, when it is over or as it stands after `wait` seconds."""
    seconds = min(call.query.wait, MAX_WAIT)
    command_id = call.path_int64("command_id")
    record = await call.services.queue.wait_until_over(
        call.scope_id, command_id, seconds
    )
    add_log_fields(
        call.request, command_id=record.command.id, state=record.command.state
    )
    return json_response(command_record_out(record))


async def get_result(call: ApiCall[None, None]) -> web.StreamResponse:
    """Return the result's body as the device posted it, under its own type."""
    command_id = call.path_int64("command_id")
    result = await call.services.store.find_result(call.scope_id, command_id)
    if result is None:
        await call.services.queue.get(call.scope_id, command_id)
        raise NotFound(f"Command {command_id} has no result yet.")
    headers = {
        "Content-Type": result.content_type or OCTET_STREAM,
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    if result.content_encoding:
        headers["Content-Encoding"] = result.content_encoding
    return web.Response(body=result.body, headers=headers)


async def cancel(call: ApiCall[None, None]) -> web.StreamResponse:
    """Cancel a command that was never handed out."""
    command_id = call.path_int64("command_id")
    record = await call.services.queue.cancel(call.scope_id, command_id)
    add_log_fields(
        call.request, command_id=record.command.id, state=record.command.state
    )
    return json_response(command_record_out(record))


async def retry(call: ApiCall[None, None]) -> web.StreamResponse:
    """Enqueue a new command like one that has ended."""
    services = call.services
    command_id = call.path_int64("command_id")
    record = await services.queue.get(call.scope_id, command_id)
    device = await get_or_adopt_device(call, record.command.device_id)
    render = partial(render_created, device, services.clock.now(), False)
    enqueued = await services.queue.retry(call.scope_id, command_id, render)
    new_id = enqueued.commands[0].id
    add_log_fields(call.request, command_id=new_id, retry_of=command_id)
    headers = {"Location": f"{BASE_PATH}/commands/{new_id}"}
    return encoded_json_response(enqueued.answer, status=201, headers=headers)


ENQUEUE_MEDIA = {
    JSON_MEDIA_TYPE: CommandIn | list[CommandIn],
    OCTET_STREAM: bytes,
}


ROUTES = (
    ApiRoute(
        method="POST",
        path="/devices/{device_id}/commands",
        name="enqueue",
        summary="Put a command, or an array of at most 1000, into a device's queue",
        handler=enqueue,
        permission=Permission.COMMANDS_WRITE,
        raw_body_types=ENQUEUE_MEDIA,
        raw_body_query=RawCommandQuery,
        response_type=(CommandOut, CommandsOut),
        status=201,
        error_statuses=(400, 404, 409, 413, 415, 422, 503),
        request_headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
            "Prefer": "wait=20 waits for the outcome, 60 seconds at the most.",
        },
    ),
    ApiRoute(
        method="GET",
        path="/devices/{device_id}/commands",
        name="listCommandsOfDevice",
        summary="List a device's commands, newest first",
        handler=list_device_commands,
        permission=Permission.COMMANDS_READ,
        query_type=CommandsQuery,
        response_type=CommandsOut,
        error_statuses=(422, 503),
    ),
    ApiRoute(
        method="GET",
        path="/commands",
        name="listCommands",
        summary="List commands, newest first",
        handler=list_commands,
        permission=Permission.COMMANDS_READ,
        query_type=CommandsQuery,
        response_type=CommandsOut,
        error_statuses=(422, 503),
    ),
    ApiRoute(
        method="GET",
        path="/commands/{command_id}",
        name="getCommand",
        summary="Show a command with its deliveries and its result",
        handler=get,
        permission=Permission.COMMANDS_READ,
        query_type=WaitQuery,
        response_type=CommandOut,
        error_statuses=(404, 422, 503),
    ),
    ApiRoute(
        method="DELETE",
        path="/commands/{command_id}",
        name="cancelCommand",
        summary="Cancel a command that was never handed out",
        handler=cancel,
        permission=Permission.COMMANDS_WRITE,
        response_type=CommandOut,
        error_statuses=(404, 409, 422, 503),
    ),
    ApiRoute(
        method="GET",
        path="/commands/{command_id}/result",
        name="getCommandResult",
        summary="Return the result's body as the device posted it",
        handler=get_result,
        permission=Permission.RESULTS_READ,
        response_type="*/*",
        error_statuses=(404, 422, 503),
    ),
    ApiRoute(
        method="POST",
        path="/commands/{command_id}/retry",
        name="retryCommand",
        summary="Enqueue a new command like one that has ended",
        handler=retry,
        permission=Permission.COMMANDS_WRITE,
        response_type=CommandOut,
        status=201,
        error_statuses=(404, 409, 422, 503),
    ),
)
