"""The list of commands, and one of them."""

from functools import partial

from aiohttp import web

from pushserver.model.ids import parse_int64
from pushserver.model.state import CommandState
from pushserver.model.token import Permission
from pushserver.storage.history import CommandFilter
from pushserver.web.console.command_bodies import shown_order, shown_result
from pushserver.web.console.device_rows import titles
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.timeline import timeline
from pushserver.web.spooled_response import respond_in_turn

pages = Pages()
PAGE_SIZE = 100


@pages.page("/commands", Permission.COMMANDS_READ, limits_itself=True)
async def list_commands(call: SignedInCall) -> web.StreamResponse:
    """Show the commands that match the filters, a page of them, newest first."""
    criteria, cursor = await _criteria(call), call.query.get("cursor")
    before = None if cursor is None else parse_int64(cursor, field_name="cursor")
    found = await call.services.store.commands(
        call.scope_id,
        criteria,
        before=before,
        limit=PAGE_SIZE + 1,
        include_bodies=False,
    )
    records = found[:PAGE_SIZE]
    ids = {record.command.device_id for record in records}
    return call.render(
        "commands.html",
        records=records,
        titles=titles(call.services, call.scope_id, ids),
        shown_ids={each: call.services.protocols.display_id(each) for each in ids},
        next_cursor=records[-1].command.id if len(found) > PAGE_SIZE else None,
        has_cursor=cursor is not None,
    )


async def _criteria(call: SignedInCall) -> CommandFilter:
    """
    Return the filter of the query, within the token's reach.

    Raises:
        Invalid: the device has no such id.
    """
    given, device = call.query, call.query.get("device", "").strip()
    states = frozenset(s for s in CommandState if s == given.get("state", "").upper())
    device_id = None
    if device:
        device_id = call.services.protocols.identify(device, "/device").device_id
    return CommandFilter(
        states=states,
        device_id=device_id,
        device_ids=await call.reach,
        endpoint=given.get("endpoint", "").strip() or None,
        held=True if given.get("held") == "yes" else None,
    )


@pages.page("/commands/{command_id}", Permission.COMMANDS_READ)
async def show_command(call: SignedInCall) -> web.StreamResponse:
    """Show a command: what was asked, each hand-out, and what the device answered."""
    return await respond_in_turn(call.services.body_budget, partial(_show, call))


async def _show(call: SignedInCall) -> web.StreamResponse:
    services = call.services
    record = await services.queue.get(call.scope_id, call.path_int64("command_id"))
    device_id = record.command.device_id
    result = record.result if call.may(Permission.RESULTS_READ) else None
    return call.render(
        "command.html",
        record=record,
        command=record.command,
        title=titles(services, call.scope_id, [device_id])[device_id],
        shown_id=services.protocols.display_id(device_id),
        order=shown_order(record.command),
        result=result,
        answer=None if result is None else shown_result(services.protocols, result),
        timeline=timeline([record]),
    )


@pages.form("/commands/{command_id}/cancel", Permission.COMMANDS_WRITE)
async def cancel(call: SignedInCall) -> web.StreamResponse:
    """Take a command back."""
    command_id = call.path_int64("command_id")
    await call.services.withdrawals.withdraw(call.scope_id, command_id, call.actor)
    return call.see_other(call.back(f"/commands/{command_id}"), "withdrawn")
