"""Requests that no route matches, and those of devices that are not admitted."""

import msgspec
from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.ids import MAX_INT64
from pushserver.web.body import read_body
from pushserver.web.device_url import redact_key, storable_text
from pushserver.web.middleware import add_log_fields
from pushserver.web.response import make_response
from pushserver.web.services import Services

#: Text of this many digits never fits into 64 bits.
_MAX_DIGITS = 20


async def handle_unknown_request(
    services: Services, request: web.Request
) -> web.StreamResponse:
    """
    Answer a request that no route matches.

    A misconfigured terminal gets an empty 200, and its request is recorded with its
    device; anybody else gets 404.
    """
    body = await _read_any_body(request)
    device_id = _sender_id(request, body)
    if device_id is None and not _is_terminal_path(request.path):
        raise NotFound(f"There is nothing at {request.path[:200]}.")
    if device_id is not None:
        add_log_fields(request, device_id=device_id)
    record_unknown_request(request, services, device_id, body)
    add_log_fields(request, unknown_request=True)
    return make_response()


async def _read_any_body(request: web.Request) -> bytes:
    if not request.body_exists:
        return b""
    return (await read_body(request)).content


def _is_terminal_path(path: str) -> bool:
    """Tell whether this is a path of a terminal's online or monitor mode."""
    last = path.rstrip("/").rpartition("/")[2]
    return (
        last.endswith(".fcgi")
        or "/api/notifications" in path
        or last in ("push", "result")
    )


def record_unknown_request(
    request: web.Request, services: Services, device_id: int | None, body: bytes
) -> None:
    """Record the request with its device; only count it if there is no device id."""
    if device_id is None:
        services.fleet.counts["stray"] += 1
        return
    services.fleet.record_unknown_request(
        device_id, request.method, _redacted_address(request), request.remote, body
    )


def _redacted_address(request: web.Request) -> str:
    """Return the path and query of the request, without a device's key."""
    path, address = request.path, request.raw_path
    if "/d/" in path:
        address = f"{redact_key(path)}?{address.partition('?')[2]}"
    return storable_text(address)


class _Sender(msgspec.Struct):
    """The field in which a notification names its device: a number or digits."""

    device_id: int | str | None = None


def _sender_id(request: web.Request, body: bytes) -> int | None:
    """Return the id of the sender from the query or the body, if there is one."""
    query = request.query
    device_id_text = query.get("deviceId") or query.get("device_id")
    if device_id_text is None and body:
        try:
            device_id_text = str(msgspec.json.decode(body, type=_Sender).device_id)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            device_id_text = None
    return _int64(device_id_text or "")


def _int64(text: str) -> int | None:
    fits = text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS
    return int(text) if fits and int(text) <= MAX_INT64 else None
