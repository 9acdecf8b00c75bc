"""Enqueues what was filled in: for one device, or as a task for many."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pushserver.model.token import Permission
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.blobs import ByteSource
from pushserver.services.door_permission import require_door_permission
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.task_creation import RolloutPolicy
from pushserver.web.api.command_parsing import parse_commands
from pushserver.web.api.command_requests import CommandIn, RawCommandQuery
from pushserver.web.api.enqueue import enqueue_commands
from pushserver.web.api.long_bodies import ParsedCommands
from pushserver.web.api.long_steps import NO_BODIES, decode_spooled, keep_step_bodies
from pushserver.web.api.operation_parsing import parse_operation_request
from pushserver.web.api.operation_views import task_out
from pushserver.web.api.responses import created_id, encode_json
from pushserver.web.api.task_types import TaskIn
from pushserver.web.body_budget import call_after_request
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.send_asked import AskedCommand
from pushserver.web.console.send_target import Target
from pushserver.web.json_body import decode_body
from pushserver.web.spool import Spool


async def send_asked(
    call: SignedInCall,
    asked: AskedCommand,
    target: Target,
    idempotency: IdempotentRequest | None,
) -> str:
    """
    Enqueue a asked that is right; return the path of the page that follows it.

    Raises:
        PushServerError: whatever the API refuses.
    """
    if target.identity is not None:
        return await _send_to_one(call, asked, target, idempotency)
    return await _send_to_many(call, asked, target, idempotency)


async def _send_to_one(
    call: SignedInCall,
    asked: AskedCommand,
    target: Target,
    idempotency: IdempotentRequest | None,
) -> str:
    assert target.identity is not None  # noqa: S101 - it is one
    parsed = await _parse(call, asked, target)
    enqueued = await enqueue_commands(
        call.services, call.token, target.identity, parsed, call.actor, idempotency
    )
    command_id = created_id(enqueued.answer)
    may_read = call.may(Permission.COMMANDS_READ)
    return f"/commands/{command_id}" if may_read else "/send"


async def _parse(
    call: SignedInCall, asked: AskedCommand, target: Target
) -> ParsedCommands:
    assert target.identity is not None  # noqa: S101 - it is one
    assert asked.command is not None  # noqa: S101 - it is right
    protocol = call.services.protocols.named(target.identity.protocol)
    if asked.file_json is not None:
        body = msgspec.json.encode({**asked.command, "body": asked.file_json})
        return await parse_commands(await _spool(call, body), None, protocol, CommandIn)
    if asked.content is None:
        body = msgspec.json.encode(asked.command)
        return await parse_commands(body, None, protocol, CommandIn)
    metadata = asked.command.get("metadata")
    query = RawCommandQuery(
        endpoint=asked.command["endpoint"],
        query_string=asked.command.get("queryString"),
        metadata=metadata and msgspec.json.encode(metadata).decode(),
    )
    return await parse_commands(await _spool(call, asked.content), query, protocol)


async def _spool(call: SignedInCall, content: bytes) -> Spool:
    spool = call.services.body_budget.new_spool()
    call_after_request(spool.close)
    await spool.write(content)
    return spool


async def _send_to_many(
    call: SignedInCall,
    asked: AskedCommand,
    target: Target,
    idempotency: IdempotentRequest | None,
) -> str:
    """Enqueue it as a task of one step."""
    services = call.services
    assert target.selector is not None  # noqa: S101 - there are many
    protocol = await services.task_creator.protocol_of(call.scope_id, target.selector)
    task_in, bodies = await _parse_task(call, asked, protocol)
    request = parse_operation_request(task_in, protocol)
    orders = [each.order for each in request.step_requests]
    require_door_permission(call.token, services.protocols, orders)
    await keep_step_bodies(services.blobs, call.scope_id, orders, bodies, call.actor)
    created = await services.task_creator.create(
        request,
        target.selector,
        RolloutPolicy(),
        lambda task, counts: encode_json(task_out(task, counts, [])),
        name=_name(asked),
        scope_id=call.scope_id,
        created_by=call.actor,
        idempotency=idempotency,
    )
    task_id = created_id(created.answer)
    return f"/tasks/{task_id}" if call.may(Permission.OPERATIONS_READ) else "/send"


async def _parse_task(
    call: SignedInCall, asked: AskedCommand, protocol: DeviceProtocol
) -> tuple[TaskIn, Mapping[str, ByteSource]]:
    """Return the task of one step, and its body if that is long."""
    step = await _step(call, asked)
    body = msgspec.json.encode({"targets": {"all": True}, "steps": [step]})
    if asked.file_json is None:
        return await decode_body(body, TaskIn), NO_BODIES
    return await decode_spooled(await _spool(call, body), TaskIn, [protocol])


async def _step(call: SignedInCall, asked: AskedCommand) -> dict[str, Any]:
    """Return the step; a file is kept first, and named in it."""
    step = dict(asked.command or {})
    if asked.file_json is not None:
        step["body"] = asked.file_json
    if asked.content is not None:
        spool = await _spool(call, asked.content)
        blob = await call.services.blobs.keep(call.scope_id, spool, call.actor)
        step["bodyBlob"] = blob.sha256
    return step


def _name(asked: AskedCommand) -> str:
    """Return what people call the task: its reason, or else what it does."""
    if reason := asked.given.get("reason"):
        return reason[:100]
    return asked.form.endpoint if asked.form else asked.given.get("endpoint", "")[:100]
