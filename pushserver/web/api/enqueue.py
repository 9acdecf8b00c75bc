"""Enqueue over the API: once, at once or with its outcome, one command or many."""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from pushserver.clock import micros
from pushserver.errors import Invalid, NotFound
from pushserver.model.command import Command
from pushserver.model.device import Device
from pushserver.model.idempotency import IdempotencyKey
from pushserver.model.token import Permission
from pushserver.services.queue import Enqueued, IdempotentRequest
from pushserver.web.api.command_parsing import parse_commands
from pushserver.web.api.command_types import CommandsOut
from pushserver.web.api.enqueue_warnings import enqueue_warnings
from pushserver.web.api.route import (
    BASE_PATH,
    MAX_WAIT,
    ApiCall,
    encoded_json_response,
    media_type,
    read_whole_body,
)
from pushserver.web.api.views import command_out, command_record_out
from pushserver.web.middleware import add_log_fields

_MAX_KEY_LENGTH = 255


_encode = msgspec.json.Encoder().encode


class _CreatedId(msgspec.Struct):
    id: str


async def enqueue(call: ApiCall[None, None]) -> web.StreamResponse:
    """Put one command, or an array of them, into a device's queue."""
    device_id = call.path_int64("device_id")
    raw_body = await read_whole_body(call.request)
    requests, is_array = parse_commands(call.request, raw_body)
    idempotency = parse_idempotent_request(call, raw_body)
    services = call.services
    with services.queue.lock_key(idempotency):
        device = await get_or_adopt_device(call, device_id)
        render = partial(render_created, device, services.clock.now(), is_array)
        enqueued = await services.queue.enqueue(
            call.scope_id, device_id, requests, render, idempotency
        )
        add_log_fields(
            call.request,
            device_id=device_id,
            command_id=next((command.id for command in enqueued.commands), None),
            commands=len(enqueued.commands),
        )
        return await _enqueue_response(call, device_id, enqueued, idempotency, is_array)


async def _enqueue_response(
    call: ApiCall[None, None],
    device_id: int,
    enqueued: Enqueued,
    idempotency: IdempotentRequest | None,
    is_array: bool,
) -> web.StreamResponse:
    """Answer at once, or when the outcome is known if the program prefers."""
    headers = {"Idempotency-Replayed": "true"} if enqueued.replayed else {}
    body, seconds = enqueued.answer, _preferred_wait(call.request)
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds:g}"
        if not enqueued.replayed:
            body = await _wait_for_outcomes(call, enqueued.commands, seconds, is_array)
            if idempotency is not None:
                await call.services.queue.store_answer(idempotency, device_id, body)
    if not is_array:
        headers["Location"] = f"{BASE_PATH}/commands/{_command_id(enqueued)}"
    return encoded_json_response(body, status=201, headers=headers)


def _command_id(enqueued: Enqueued) -> str:
    """Return the one command's id, from the kept answer if it is one."""
    if enqueued.commands:
        return str(enqueued.commands[0].id)
    return msgspec.json.decode(enqueued.answer, type=_CreatedId).id


async def _wait_for_outcomes(
    call: ApiCall[None, None],
    commands: Sequence[Command],
    seconds: float,
    is_array: bool,
) -> bytes:
    clock, queue = call.services.clock, call.services.queue
    until = clock.now() + micros(seconds)
    items = []
    for command in commands:
        left = max(0, until - clock.now()) / 1_000_000
        record = await queue.wait_until_over(call.scope_id, command.id, left)
        items.append(command_record_out(record))
    return _encode(CommandsOut(items=items) if is_array else items[0])


async def get_or_adopt_device(call: ApiCall[Any, Any], device_id: int) -> Device:
    """
    Return the device, adopting it if the token may.

    Raises:
        NotFound: it is not adopted in the scope, and the token may not do that.
        Conflict: it is adopted in another scope.
    """
    fleet = call.services.fleet
    may_adopt = call.token.has_permission(Permission.DEVICES_WRITE)
    if not (may_adopt or fleet.has_adopted(call.scope_id, device_id)):
        await call.services.cluster_sync.catch_up()
    if may_adopt:
        device, _ = await fleet.adopt(call.scope_id, device_id)
        return device
    if not fleet.has_adopted(call.scope_id, device_id):
        raise NotFound(f"There is no adopted device {device_id}.")
    return fleet.get(call.scope_id, device_id)


def render_created(
    device: Device, now: int, is_array: bool, commands: Sequence[Command]
) -> bytes:
    """Render commands that were just made; a program may be told of its device."""
    device_seen: bool | UnsetType = UNSET if device.last_seen_at is not None else False
    items = [
        command_out(
            command,
            command.order,  # type: ignore[arg-type]  # a new command has its order
            warnings=enqueue_warnings(device, command, now),
            device_seen=device_seen,
        )
        for command in commands
    ]
    return _encode(CommandsOut(items=items) if is_array else items[0])


def parse_idempotent_request(
    call: ApiCall[Any, Any], raw_body: bytes
) -> IdempotentRequest | None:
    """Return what makes this request one that must not be done twice."""
    value = call.request.headers.get("Idempotency-Key")
    if value is None:
        return None
    if not value or len(value) > _MAX_KEY_LENGTH or not value.isprintable():
        raise Invalid(
            f"Idempotency-Key must have 1 to {_MAX_KEY_LENGTH} printable characters."
        )
    request = call.request
    request_identity = f"{media_type(request)}\n{request.query_string}\n".encode(
        errors="replace"
    )
    fingerprint = hashlib.sha256(request_identity + raw_body).hexdigest()
    return IdempotentRequest(
        IdempotencyKey(call.token.id, request.path, value), fingerprint
    )


def _preferred_wait(request: web.Request) -> float:
    """Read `Prefer: wait=20` (RFC 7240); what is no number of seconds is ignored."""
    if "Prefer" not in request.headers:
        return 0.0
    for preference in ",".join(request.headers.getall("Prefer", [])).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = value.strip().strip('"')
        if name.strip().lower() == "wait" and seconds.isascii() and seconds.isdigit():
            return min(float(seconds[:9]), MAX_WAIT)
    return 0.0
