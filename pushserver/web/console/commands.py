"""The list of commands, and one of them."""

from functools import partial
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from pushserver.model.audit import AuditAction, command_entry
from pushserver.model.command import Command
from pushserver.model.ids import parse_int64
from pushserver.model.order import Order
from pushserver.model.token import Permission
from pushserver.services.adoption import get_or_adopt_device
from pushserver.services.door_permission import require_door_permission
from pushserver.web.api.created_commands import render_created
from pushserver.web.api.reading_turn import respond_in_turn
from pushserver.web.api.responses import created_id
from pushserver.web.console.command_bodies import shown_order, shown_result
from pushserver.web.console.command_filters import (
    FIELDS,
    command_criteria,
    list_address,
)
from pushserver.web.console.device_rows import titles
from pushserver.web.console.form_key import form_key
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.timeline import timeline

pages = Pages()
PAGE_SIZE = 100


@pages.page("/commands", Permission.COMMANDS_READ, limits_itself=True, shared=True)
async def list_commands(call: SignedInCall) -> web.StreamResponse:
    """Show the commands that match the filters, a page of them, newest first."""
    criteria = await command_criteria(call, call.query)
    cursor = call.query.get("cursor")
    before = None if cursor is None else parse_int64(cursor, field_name="cursor")
    found = await call.services.store.commands(
        call.scope_id,
        criteria,
        before=before,
        limit=PAGE_SIZE + 1,
        include_bodies=False,
        include_results=False,
    )
    records = found[:PAGE_SIZE]
    ids = {record.command.device_id for record in records}
    return await call.render(
        "commands.html",
        records=records,
        titles=titles(call, ids),
        shown_ids={each: call.services.protocols.display_id(each) for each in ids},
        next_cursor=records[-1].command.id if len(found) > PAGE_SIZE else None,
        has_cursor=cursor is not None,
        given={name: call.query.get(name) or None for name in FIELDS},
        address=urlencode({k: v for k, v in call.query.items() if k != "said"}),
    )


@pages.page("/commands/{command_id}", Permission.COMMANDS_READ)
async def show_command(call: SignedInCall) -> web.StreamResponse:
    """Show a command: what was asked, each hand-out, and what the device answered."""
    show = partial(_show, call, reveals=False)
    return await respond_in_turn(call, show)


@pages.form("/commands/{command_id}/show", Permission.COMMANDS_READ)
async def reveal_command(call: SignedInCall) -> web.StreamResponse:
    """Show it with its secrets; the audit says who saw them."""
    await audit_command_shown(call, call.path_int64("command_id"))
    show = partial(_show, call, reveals=True)
    return await respond_in_turn(call, show)


async def _show(call: SignedInCall, *, reveals: bool) -> web.StreamResponse:
    services = call.services
    record = await services.queue.get(call.scope_id, call.path_int64("command_id"))
    device_id = record.command.device_id
    result = record.result if call.may(Permission.RESULTS_READ) else None
    return await call.render(
        "command.html",
        record=record,
        command=record.command,
        title=titles(call, [device_id])[device_id],
        shown_id=services.protocols.display_id(device_id),
        order=await shown_order(services.protocols, record.command, reveals=reveals),
        reason=reason_of(record.command),
        result=result,
        answer=None
        if result is None
        else await shown_result(services.protocols, result, reveals=reveals),
        timeline=timeline([record]),
        reveals=reveals,
        back=list_address(call),
    )


async def audit_command_shown(call: SignedInCall, command_id: int) -> None:
    """
    Keep who has secrets of a command shown.

    Raises:
        NotFound: there is no such command.
    """
    record = await call.services.queue.get(call.scope_id, command_id)
    entry = command_entry(call.actor, AuditAction.COMMAND_SHOW, record.command)
    await call.services.store.audit.add_entries([entry])


def reason_of(command: Command) -> str | None:
    """Return the reason that somebody gave for a command, if there is one."""
    metadata = None if command.order is None else command.order.metadata
    try:
        return msgspec.json.decode(metadata or "{}", type=_Reason).reason
    except (msgspec.MsgspecError, RecursionError):
        return None


class _Reason(msgspec.Struct):
    reason: str | None = None


@pages.form("/commands/{command_id}/cancel", Permission.COMMANDS_WRITE)
async def cancel(call: SignedInCall) -> web.StreamResponse:
    """Take a command back."""
    command_id = call.path_int64("command_id")
    await call.services.withdrawals.withdraw(call.scope_id, command_id, call.actor)
    return call.see_other(call.back(f"/commands/{command_id}"), "withdrawn")


@pages.form("/commands/{command_id}/release", Permission.COMMANDS_WRITE)
async def release(call: SignedInCall) -> web.StreamResponse:
    """Let a held command be handed out."""
    command_id = call.path_int64("command_id")
    await _require_doors(call, command_id)
    await call.services.held_commands.release(call.scope_id, command_id, call.actor)
    return call.see_other(call.back(f"/commands/{command_id}"), "released")


@pages.form("/commands/{command_id}/retry", Permission.COMMANDS_WRITE)
async def retry(call: SignedInCall) -> web.StreamResponse:
    """Enqueue a new command like one that has ended, once for a form."""
    services, command_id = call.services, call.path_int64("command_id")
    order = await _require_doors(call, command_id)
    record = await services.queue.get(call.scope_id, command_id)
    await services.blobs.require(call.scope_id, [order])
    identity = services.protocols.identity_of(record.command.device_id)
    device = await get_or_adopt_device(
        services.fleet, services.cluster_sync, call.token, identity, call.actor
    )
    render = partial(render_created, device, services, False, reader=call.token)
    enqueued = await services.queue.retry(
        call.scope_id, command_id, render, form_key(call), call.actor
    )
    return call.see_other(f"/commands/{created_id(enqueued.answer)}", "sent")


async def _require_doors(call: SignedInCall, command_id: int) -> Order:
    """Return the order of a command, which the token may have done."""
    record = await call.services.queue.get(call.scope_id, command_id)
    order = record.command.order
    assert order is not None  # noqa: S101 - records are read with their orders
    require_door_permission(call.token, call.services.protocols, [order])
    return order
