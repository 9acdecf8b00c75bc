"""Requests that no face knows, and those of devices that are not admitted."""

import msgspec
from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.ids import MAX_INT64
from pushserver.web.address import printable, without_key
from pushserver.web.answer import respond
from pushserver.web.around import note
from pushserver.web.body import read_body
from pushserver.web.services import Services

#: Digits that are no 64-bit number, whatever they are.
_TOO_LONG = 20


async def stray(services: Services, request: web.Request) -> web.StreamResponse:
    """
    Answer what no face knows.

    A misconfigured terminal gets an empty 200, and what it sent is kept with its
    device; anybody else is told that there is nothing here.
    """
    body = await _what_was_sent(request)
    device_id = _device_behind(request, body)
    if device_id is None and not _is_terminals(request.path):
        raise NotFound(f"There is nothing at {request.path[:200]}.")
    if device_id is not None:
        note(request, device_id=device_id)
    keep(request, services, device_id, body)
    note(request, stray=True)
    return respond()


async def _what_was_sent(request: web.Request) -> bytes:
    if not request.body_exists:
        return b""
    return (await read_body(request)).data


def _is_terminals(path: str) -> bool:
    """Tell whether a terminal's online or monitor mode calls this."""
    last = path.rstrip("/").rpartition("/")[2]
    return (
        last.endswith(".fcgi")
        or "/api/notifications" in path
        or last in ("push", "result")
    )


def keep(
    request: web.Request, services: Services, device_id: int | None, body: bytes
) -> None:
    """Keep what a device sent for whoever looks; of others it is counted."""
    if device_id is None:
        services.fleet.counts["stray"] += 1
        return
    services.fleet.note_stray(
        device_id, request.method, _shown(request), request.remote, body
    )


def _shown(request: web.Request) -> str:
    """Return the address that was called, without the key that may be in it."""
    path, address = request.path, request.raw_path
    if "/d/" in path:
        address = f"{without_key(path)}?{address.partition('?')[2]}"
    return printable(address)


class _Sender(msgspec.Struct):
    """Where a notification names its device: a number, or digits."""

    device_id: int | str | None = None


def _device_behind(request: web.Request, body: bytes) -> int | None:
    """Find out which device sent a stray request, from its address or its body."""
    pairs = request.query
    named = pairs.get("deviceId") or pairs.get("device_id")
    if named is None and body:
        try:
            named = str(msgspec.json.decode(body, type=_Sender).device_id)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            named = None
    return _int64(named or "")


def _int64(text: str) -> int | None:
    fits = text.isascii() and text.isdigit() and len(text) < _TOO_LONG
    return int(text) if fits and int(text) <= MAX_INT64 else None
