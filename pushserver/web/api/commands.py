"""Commands over the API: look, wait, cancel, try again."""

from functools import partial

from aiohttp import web

from pushserver.clock import from_datetime
from pushserver.dialects.controlid.order import OCTET_STREAM
from pushserver.errors import NotFound
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission
from pushserver.storage.listing import CommandFilter
from pushserver.web.api.command_types import (
    CommandIn,
    CommandOut,
    CommandsOut,
    CommandsQuery,
    OctetQuery,
    WaitQuery,
)
from pushserver.web.api.enqueue import adopted_device, enqueue, render_new
from pushserver.web.api.route import (
    BASE,
    JSON,
    LONGEST_WAIT,
    Call,
    Route,
    answer,
    capped,
    next_link,
    rendered,
)
from pushserver.web.api.views import record_out
from pushserver.web.around import note


async def list_all(call: Call[CommandsQuery, None]) -> web.StreamResponse:
    """List commands, newest first."""
    return await _list(call, call.query.device_id)


async def list_of_device(call: Call[CommandsQuery, None]) -> web.StreamResponse:
    """List one device's commands, newest first."""
    return await _list(call, str(call.int64("device_id")))


async def _list(
    call: Call[CommandsQuery, None], device_id: str | None
) -> web.StreamResponse:
    query = call.query
    limit = capped(query.limit)
    records = await call.services.store.commands(
        call.scope_id,
        _filter(query, device_id),
        before=_int64(query.cursor, "cursor"),
        limit=limit,
    )
    page = CommandsOut(items=[record_out(record) for record in records])
    if not records or await _is_last(call, query, device_id, records[-1].command.id):
        return answer(page)
    page.next_cursor = page.items[-1].id
    return answer(page, headers=next_link(call.request, page.next_cursor))


async def _is_last(
    call: Call[CommandsQuery, None],
    query: CommandsQuery,
    device_id: str | None,
    last: int,
) -> bool:
    """Look one command further: a page also ends early when it grows too heavy."""
    wanted = _filter(query, device_id)
    store = call.services.store
    return not await store.commands(call.scope_id, wanted, before=last, limit=1)


def _filter(query: CommandsQuery, device_id: str | None) -> CommandFilter:
    after, before = query.created_after, query.created_before
    return CommandFilter(
        states=frozenset(query.state),
        device_id=_int64(device_id, "deviceId"),
        endpoint=query.endpoint,
        created_after=None if after is None else from_datetime(after),
        created_before=None if before is None else from_datetime(before),
        operation_id=_int64(query.operation_id, "operationId"),
    )


def _int64(text: str | None, what: str) -> int | None:
    return None if text is None else parse_int64(text, what=what, pointer=f"/{what}")


async def get(call: Call[WaitQuery, None]) -> web.StreamResponse:
    """Show one command, when it is over or as it stands after `wait` seconds."""
    seconds = min(call.query.wait, LONGEST_WAIT)
    command_id = call.int64("command_id")
    record = await call.services.queue.wait(call.scope_id, command_id, seconds)
    note(call.request, command_id=record.command.id, state=record.command.state)
    return answer(record_out(record))


async def get_result(call: Call[None, None]) -> web.StreamResponse:
    """Return the result's body as the device posted it, under its own type."""
    command_id = call.int64("command_id")
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


async def cancel(call: Call[None, None]) -> web.StreamResponse:
    """Cancel a command that was never handed out."""
    command_id = call.int64("command_id")
    record = await call.services.queue.cancel(call.scope_id, command_id)
    note(call.request, command_id=record.command.id, state=record.command.state)
    return answer(record_out(record))


async def retry(call: Call[None, None]) -> web.StreamResponse:
    """Enqueue a new command like one that has ended."""
    services = call.services
    command_id = call.int64("command_id")
    record = await services.queue.get(call.scope_id, command_id)
    device = await adopted_device(call, record.command.device_id)
    render = partial(render_new, device, services.clock.now(), False)
    done = await services.queue.retry(call.scope_id, command_id, render)
    new = done.commands[0].id
    note(call.request, command_id=new, retry_of=command_id)
    headers = {"Location": f"{BASE}/commands/{new}"}
    return rendered(done.answer, status=201, headers=headers)


ENQUEUE_MEDIA = {
    JSON: CommandIn | list[CommandIn],
    OCTET_STREAM: bytes,
}


ROUTES = (
    Route(
        method="POST",
        path="/devices/{device_id}/commands",
        name="enqueue",
        summary="Put a command, or an array of at most 1000, into a device's queue",
        handler=enqueue,
        permission=Permission.COMMANDS_WRITE,
        media=ENQUEUE_MEDIA,
        parameters=OctetQuery,
        answer=(CommandOut, CommandsOut),
        status=201,
        problems=(400, 404, 409, 413, 415, 422, 503),
        headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
            "Prefer": "wait=20 waits for the outcome, 60 seconds at the most.",
        },
    ),
    Route(
        method="GET",
        path="/devices/{device_id}/commands",
        name="listCommandsOfDevice",
        summary="List a device's commands, newest first",
        handler=list_of_device,
        permission=Permission.COMMANDS_READ,
        query=CommandsQuery,
        answer=CommandsOut,
        problems=(422, 503),
    ),
    Route(
        method="GET",
        path="/commands",
        name="listCommands",
        summary="List commands, newest first",
        handler=list_all,
        permission=Permission.COMMANDS_READ,
        query=CommandsQuery,
        answer=CommandsOut,
        problems=(422, 503),
    ),
    Route(
        method="GET",
        path="/commands/{command_id}",
        name="getCommand",
        summary="Show a command with its deliveries and its result",
        handler=get,
        permission=Permission.COMMANDS_READ,
        query=WaitQuery,
        answer=CommandOut,
        problems=(404, 422, 503),
    ),
    Route(
        method="DELETE",
        path="/commands/{command_id}",
        name="cancelCommand",
        summary="Cancel a command that was never handed out",
        handler=cancel,
        permission=Permission.COMMANDS_WRITE,
        answer=CommandOut,
        problems=(404, 409, 422, 503),
    ),
    Route(
        method="GET",
        path="/commands/{command_id}/result",
        name="getCommandResult",
        summary="Return the result's body as the device posted it",
        handler=get_result,
        permission=Permission.RESULTS_READ,
        answer="*/*",
        problems=(404, 422, 503),
    ),
    Route(
        method="POST",
        path="/commands/{command_id}/retry",
        name="retryCommand",
        summary="Enqueue a new command like one that has ended",
        handler=retry,
        permission=Permission.COMMANDS_WRITE,
        answer=CommandOut,
        status=201,
        problems=(404, 409, 422, 503),
    ),
)
