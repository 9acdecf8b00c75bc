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
from pushserver.model.idempotency import Key
from pushserver.model.token import Permission
from pushserver.services.queue import Enqueued, Once
from pushserver.web.api.command_types import CommandsOut
from pushserver.web.api.drafts import read_drafts
from pushserver.web.api.expected import warnings
from pushserver.web.api.route import (
    BASE,
    LONGEST_WAIT,
    Call,
    media_type,
    read_data,
    rendered,
)
from pushserver.web.api.views import command_out, record_out
from pushserver.web.around import note

_KEY_LENGTH = 255


_encode = msgspec.json.Encoder().encode


class _Id(msgspec.Struct):
    id: str


async def enqueue(call: Call[None, None]) -> web.StreamResponse:
    """Put one command, or an array of them, into a device's queue."""
    device_id = call.int64("device_id")
    data = await read_data(call.request)
    drafts, many = read_drafts(call.request, data)
    once = once_of(call, data)
    services = call.services
    with services.queue.once(once):
        device = await adopted_device(call, device_id)
        render = partial(render_new, device, services.clock.now(), many)
        done = await services.queue.enqueue(
            call.scope_id, device_id, drafts, render, once
        )
        note(
            call.request,
            device_id=device_id,
            command_id=next((command.id for command in done.commands), None),
            commands=len(done.commands),
        )
        return await _answer(call, device_id, done, once, many)


async def _answer(
    call: Call[None, None],
    device_id: int,
    done: Enqueued,
    once: Once | None,
    many: bool,
) -> web.StreamResponse:
    """Answer at once, or when the outcome is known if the program prefers."""
    headers = {"Idempotency-Replayed": "true"} if done.replayed else {}
    body, seconds = done.answer, _preferred_wait(call.request)
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds:g}"
        if not done.replayed:
            body = await _outcome(call, done.commands, seconds, many)
            if once is not None:
                await call.services.queue.remember(once, device_id, body)
    if not many:
        headers["Location"] = f"{BASE}/commands/{_id(done)}"
    return rendered(body, status=201, headers=headers)


def _id(done: Enqueued) -> str:
    """Return the one command's id, from the kept answer if it is one."""
    if done.commands:
        return str(done.commands[0].id)
    return msgspec.json.decode(done.answer, type=_Id).id


async def _outcome(
    call: Call[None, None], commands: Sequence[Command], seconds: float, many: bool
) -> bytes:
    clock, queue = call.services.clock, call.services.queue
    until = clock.now() + micros(seconds)
    shown = []
    for command in commands:
        left = max(0, until - clock.now()) / 1_000_000
        record = await queue.wait(call.scope_id, command.id, left)
        shown.append(record_out(record))
    return _encode(CommandsOut(items=shown) if many else shown[0])


async def adopted_device(call: Call[Any, Any], device_id: int) -> Device:
    """
    Return the device, adopting it if the token may.

    Raises:
        NotFound: it is not adopted in the scope, and the token may not do that.
        Conflict: it is adopted in another scope.
    """
    fleet = call.services.fleet
    may_adopt = call.token.may(Permission.DEVICES_WRITE)
    if not (may_adopt or fleet.has_adopted(call.scope_id, device_id)):
        await call.services.peers.catch_up()
    if may_adopt:
        device, _ = await fleet.adopt(call.scope_id, device_id)
        return device
    if not fleet.has_adopted(call.scope_id, device_id):
        raise NotFound(f"There is no adopted device {device_id}.")
    return fleet.get(call.scope_id, device_id)


def render_new(
    device: Device, now: int, many: bool, commands: Sequence[Command]
) -> bytes:
    """Render commands that were just made; a program may be told of its device."""
    seen: bool | UnsetType = UNSET if device.last_seen_at is not None else False
    shown = [
        command_out(
            command,
            command.order,  # type: ignore[arg-type]  # a new command has its order
            warnings=warnings(device, command, now),
            device_seen=seen,
        )
        for command in commands
    ]
    return _encode(CommandsOut(items=shown) if many else shown[0])


def once_of(call: Call[Any, Any], data: bytes) -> Once | None:
    """Return what makes this request one that must not be done twice."""
    value = call.request.headers.get("Idempotency-Key")
    if value is None:
        return None
    if not value or len(value) > _KEY_LENGTH or not value.isprintable():
        raise Invalid(
            f"Idempotency-Key must have 1 to {_KEY_LENGTH} printable characters."
        )
    request = call.request
    same = f"{media_type(request)}\n{request.query_string}\n".encode(errors="replace")
    fingerprint = hashlib.sha256(same + data).hexdigest()
    return Once(Key(call.token.id, request.path, value), fingerprint)


def _preferred_wait(request: web.Request) -> float:
    """Read `Prefer: wait=20` (RFC 7240); what is no number of seconds is ignored."""
    if "Prefer" not in request.headers:
        return 0.0
    for preference in ",".join(request.headers.getall("Prefer", [])).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = value.strip().strip('"')
        if name.strip().lower() == "wait" and seconds.isascii() and seconds.isdigit():
            return min(float(seconds[:9]), LONGEST_WAIT)
    return 0.0
