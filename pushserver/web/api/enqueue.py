"""Enqueue over the API: one command or many, once, and with the outcome if wanted."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from aiohttp import web

from pushserver.clock import micros
from pushserver.errors import TooMany, Unavailable
from pushserver.model.actor import Actor
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest
from pushserver.model.device import DeviceIdentity
from pushserver.model.order import OCTET_STREAM, Order
from pushserver.model.token import Permission, Token
from pushserver.services.adoption import get_or_adopt_device
from pushserver.services.door_permission import require_door_permission
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.off_loop import in_pieces
from pushserver.services.queue import Enqueued
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import COMMAND_OR_LIST, parse_commands
from pushserver.web.api.command_requests import (
    CommandBatchIn,
    CommandIn,
    RawCommandQuery,
)
from pushserver.web.api.command_types import CommandOut, CommandsOut
from pushserver.web.api.command_views import command_record_out
from pushserver.web.api.created_commands import created_out, render_created
from pushserver.web.api.long_bodies import ParsedCommands, kept_bodies
from pushserver.web.api.long_json import encode_pieces
from pushserver.web.api.once import REPLAYED_HEADER, Idempotency
from pushserver.web.api.prefer import (
    PREFER_HEADER,
    granted_wait,
    preference_applied,
)
from pushserver.web.api.reading_turn import respond_in_turn
from pushserver.web.api.responses import (
    created_id,
    encode_json,
    json_response,
    location,
)
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.token_life import require_valid
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.response import make_response
from pushserver.web.services import Services

routes = Routes(Tag.COMMANDS, Permission.COMMANDS_READ, Permission.COMMANDS_WRITE)


_PATH = "/devices/{device_id}/commands"
_LOAD_USERS = {"endpoint": "load_objects", "body": {"object": "users"}}
_declare = partial(
    routes,
    status=201,
    errors=(409, 429),
    idempotency=Idempotency.WITH_CHANGE,
    request_headers=PREFER_HEADER,
)


@_declare(
    "POST",
    _PATH,
    "enqueue",
    CommandOut,
    raw_body_types={JSON_MEDIA_TYPE: CommandIn},
    # Programs that know this one path send arrays and bytes to it, too.
    undescribed_media_types=(OCTET_STREAM,),
    raw_body_query=RawCommandQuery,
    response_headers=("Location", "Preference-Applied"),
    example=_LOAD_USERS,
)
async def enqueue(call: ApiCall[None, None]) -> web.StreamResponse:
    """
    Put a command into a device's queue.

    A device that is not known yet is adopted, if the token may do so.
    """
    return await _enqueue(call, COMMAND_OR_LIST)


@_declare(
    "POST",
    _PATH + "/batch",
    "enqueueBatch",
    CommandsOut,
    raw_body_types={JSON_MEDIA_TYPE: CommandBatchIn},
    response_headers=("Preference-Applied",),
    example=[_LOAD_USERS, {"endpoint": "reboot", "expiresIn": 600}],
)
async def enqueue_batch(call: ApiCall[None, None]) -> web.StreamResponse:
    """
    Put 1 to 1000 commands into a device's queue, all or none.

    They are handed out in this order, within one priority.
    """
    return await _enqueue(call, CommandBatchIn)


@_declare(
    "POST",
    _PATH + "/bytes",
    "enqueueBytes",
    CommandOut,
    raw_body_types={OCTET_STREAM: bytes},
    response_headers=("Location", "Preference-Applied"),
)
async def enqueue_bytes(call: ApiCall[RawCommandQuery, None]) -> web.StreamResponse:
    """
    Put a command into a device's queue whose body is these very bytes.

    Everything else about the command is in the query.
    """
    return await _enqueue(call, None)


async def _enqueue(call: ApiCall[Any, None], json_type: Any) -> web.StreamResponse:
    """Enqueue what the body holds, which as JSON is of *json_type*."""
    identity, services = call.path_device(), call.services
    protocol = services.protocols.named(identity.protocol)
    parsed = await parse_commands(
        call.spool or call.raw_body, call.query, protocol, json_type
    )
    await require_valid(call)
    enqueued = await enqueue_commands(
        services, call.token, identity, parsed, call.actor, call.idempotency
    )
    call.log_fields.update(enqueue_log_fields(identity.device_id, enqueued))
    return await _enqueue_response(call, identity.device_id, enqueued, parsed.is_array)


def enqueue_log_fields(device_id: int, enqueued: Enqueued) -> dict[str, object]:
    """Return what is logged of an enqueue."""
    commands = enqueued.commands
    return {
        "device_id": device_id,
        "command_id": commands[0].id if commands else None,
        "commands": len(commands),
    }


async def enqueue_commands(
    services: Services,
    token: Token,
    identity: DeviceIdentity,
    parsed: ParsedCommands,
    actor: Actor,
    idempotency: IdempotentRequest | None,
) -> Enqueued:
    """
    Enqueue commands for a device, adopting it if the token may.

    Raises:
        Forbidden: one opens a door, and the token may not.
        NotFound: the scope has not adopted the device, and the token may not.
        Conflict: the device is adopted in another scope.

    And whatever `Queue.enqueue` raises.
    """
    orders = map(_order_of, parsed.requests)
    require_door_permission(token, services.protocols, orders)
    device = await get_or_adopt_device(
        services.fleet, services.cluster_sync, token, identity, actor
    )
    scope_id, device_id = token.scope_id, identity.device_id
    is_held = services.holds.find_waiting(device_id) is not None
    show = partial(created_out, device, services, is_held)
    async with kept_bodies(services.blobs, scope_id, parsed, actor) as requests:
        # Commands that are handed out by then have no order any more.
        render_all = partial(_render_all, show, list(map(_order_of, requests)))
        enqueued = await services.queue.enqueue(
            scope_id,
            device_id,
            requests,
            None
            if parsed.is_array
            else partial(render_created, device, services, False),
            idempotency,
            actor,
            # What is stored with the commands is rendered in their round, which is
            # shorter for all others without it.
            render_in_pieces=render_all if parsed.is_array and idempotency else None,
        )
    if parsed.is_array and idempotency is None:
        enqueued.answer = await render_all(enqueued.commands)
    return enqueued


async def _render_all(
    show: Callable[[Command, Order], CommandOut],
    orders: Sequence[Order],
    commands: Sequence[Command],
) -> bytes:
    """Render new commands in pieces: of a thousand, it takes ten milliseconds."""
    created = zip(commands, orders, strict=True)
    items = [encode_json(show(*each)) async for each in in_pieces(created)]
    return b'{"items":[%s]}' % b",".join(items)


_order_of: Callable[[CommandRequest], Order] = attrgetter("order")


async def _enqueue_response(
    call: ApiCall[Any, None],
    device_id: int,
    enqueued: Enqueued,
    is_array: bool,
) -> web.StreamResponse:
    """Answer at once, or when the outcome is known if the program prefers that."""
    commands = enqueued.commands
    headers = dict(REPLAYED_HEADER) if enqueued.replayed else {}
    if not is_array:
        command_id = commands[0].id if commands else created_id(enqueued.answer)
        headers |= location(call.request, f"/commands/{command_id}")
    # A stored answer is repeated at once, whatever was waited for then.
    seconds = 0.0 if enqueued.replayed else granted_wait(call)
    if not seconds:
        return _created(enqueued.answer, headers)
    applied = headers | preference_applied(seconds)

    async def show() -> web.StreamResponse:
        outcomes = await _outcomes_out(call, commands, is_array)
        if call.idempotency is None:
            return json_response(outcomes, status=201, headers=applied)
        body = b"".join(encode_pieces(outcomes))
        await call.services.queue.store_answer(call.idempotency, device_id, body)
        return _created(body, applied)

    try:
        async with call.waiting(seconds):
            await _wait_for_outcomes(call, commands, seconds)
        return await respond_in_turn(call, show)
    except (TooMany, Unavailable):
        # It was done; an error would have the program do it again.
        return _created(enqueued.answer, headers)


def _created(body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    return make_response(
        body, status=201, content_type=JSON_MEDIA_TYPE, headers=headers
    )


async def _wait_for_outcomes(
    call: ApiCall[Any, None], commands: Sequence[Command], seconds: float
) -> None:
    clock, queue = call.services.clock, call.services.queue
    until = clock.now() + micros(seconds)
    for command in commands:
        left = max(0, until - clock.now()) / 1_000_000
        await queue.wait_until_over(call.scope_id, command.id, left)


async def _outcomes_out(
    call: ApiCall[Any, None], commands: Sequence[Command], is_array: bool
) -> CommandOut | CommandsOut:
    items = []
    for command in commands:
        record = await call.services.queue.get(call.scope_id, command.id)
        record.command.superseded = command.superseded
        items.append(
            command_record_out(call.services.protocols, record, call.token, is_own=True)
        )
    return CommandsOut(items=items) if is_array else items[0]
