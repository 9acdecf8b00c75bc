"""Taking commands back over the API: one, those of a device, or many."""

from typing import Any

import attrs
from aiohttp import web

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.model.state import CommandState
from pushserver.model.token import Permission
from pushserver.services.withdrawals import WithdrawnCounts
from pushserver.storage.history import CommandFilter
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.command_requests import CancelIn, CancelQuery, DryRunQuery
from pushserver.web.api.command_types import CancelOut, CommandOut
from pushserver.web.api.command_views import record_response
from pushserver.web.api.device_fields import optional_device_id
from pushserver.web.api.query import optional_int64
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag

routes = Routes(Tag.COMMANDS, Permission.COMMANDS_READ, Permission.COMMANDS_WRITE)


@routes("DELETE", "/commands/{command_id}", "cancelCommand", CommandOut, errors=(409,))
async def cancel(call: ApiCall[None, None]) -> web.StreamResponse:
    """Take a command back: it is never handed out again."""
    command_id = call.path_int64("command_id")
    record = await call.services.withdrawals.withdraw(
        call.scope_id, command_id, call.actor
    )
    return record_response(call, record)


@routes(
    "DELETE",
    "/devices/{device_id}/commands",
    "cancelCommandsOfDevice",
    CancelOut,
    path_must_exist=False,
)
async def cancel_of_device(call: ApiCall[CancelQuery, None]) -> web.StreamResponse:
    """Take back a device's commands, all or those that the query names."""
    device_id = call.path_device().device_id
    counts = await call.services.withdrawals.withdraw_matching(
        call.scope_id,
        _command_filter(call.query, device_id),
        is_dry_run=call.query.dry_run,
        actor=call.actor,
    )
    return _counts_response(call, counts, call.query.dry_run)


@routes(
    "POST",
    "/commands/cancel",
    "cancelCommands",
    CancelOut,
    limits_itself=True,
    example={"deviceId": "478435", "endpoint": "load_objects"},
)
async def cancel_many(call: ApiCall[DryRunQuery, CancelIn]) -> web.StreamResponse:
    """Take back the commands of a list, or those that a filter matches."""
    body, withdrawals = call.body, call.services.withdrawals
    is_dry_run = call.query.dry_run
    if body == CancelIn():
        raise Invalid("Say which commands: ids, or at least one field of a filter.")
    if body.ids is None:
        given_id = None if body.device_id is None else str(body.device_id)
        criteria = attrs.evolve(
            _command_filter(body, optional_device_id(call, given_id)),
            device_ids=await call.services.token_reach.device_ids(call.token),
        )
        counts = await withdrawals.withdraw_matching(
            call.scope_id, criteria, is_dry_run=is_dry_run, actor=call.actor
        )
        return _counts_response(call, counts, is_dry_run)
    if body != CancelIn(ids=body.ids):
        raise Invalid("ids and a filter exclude each other.", pointer="/ids")
    ids = {parse_int64(text, field_name="ids", pointer="/ids") for text in body.ids}
    counts, found = await withdrawals.withdraw_listed(
        call.scope_id,
        ids,
        among=await call.services.token_reach.device_ids(call.token),
        is_dry_run=is_dry_run,
        actor=call.actor,
    )
    return _counts_response(
        call,
        counts,
        is_dry_run,
        over=found - counts.total,
        unknown=len(ids) - found,
    )


def _command_filter(
    given: CancelIn | CancelQuery, device_id: int | None
) -> CommandFilter:
    before = given.created_before
    operation_id = given.operation_id if isinstance(given, CancelIn) else None
    return CommandFilter(
        states=frozenset(map(CommandState, given.state)),
        device_id=device_id,
        endpoint=given.endpoint,
        created_before=(
            None if before is None else parse_instant(before, "/createdBefore")
        ),
        operation_id=optional_int64(operation_id, "operationId"),
        supersede_key=given.supersede,
    )


def _counts_response(
    call: ApiCall[Any, Any],
    counts: WithdrawnCounts,
    is_dry_run: bool,
    **of_ids: int,
) -> web.StreamResponse:
    call.log_fields.update(commands=counts.total, dry_run=is_dry_run)
    states = counts.never_given + counts.given
    return json_response(
        CancelOut(
            dry_run=is_dry_run,
            states={state: states[state] for state in CommandState if states[state]},
            canceled=counts.never_given.total(),
            withdrawn=counts.given.total(),
            **of_ids,
        )
    )
