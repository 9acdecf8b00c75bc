"""Requests that no route matches, and those of devices that are not admitted."""

from aiohttp import web

from pushserver.errors import NotFound
from pushserver.protocols.base import DeviceRequest
from pushserver.web.body import read_body
from pushserver.web.device_url import redact_key, storable_text
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.response import idle_poll_response, make_response
from pushserver.web.services import Services


async def handle_unknown_request(
    services: Services, request: web.Request
) -> web.StreamResponse:
    """
    Answer a request that no route matches.

    A misconfigured terminal gets an empty 200, and its request is recorded with its
    device; anybody else gets 404.
    """
    body = await _read_any_body(request)
    device_id = _sender_id(services, request, body)
    if device_id is None and not _is_device_path(services, request.path):
        raise NotFound(f"There is nothing at {request.path[:200]}.")
    if device_id is not None:
        request[LOG_FIELDS].update(device_id=device_id)
    record_unknown_request(request, services, device_id, body)
    request[LOG_FIELDS].update(unknown_request=True)
    return make_response()


async def _read_any_body(request: web.Request) -> bytes:
    if not request.body_exists:
        return b""
    return (await read_body(request)).content


def _sender_id(services: Services, request: web.Request, body: bytes) -> int | None:
    """Find out which device sent this, by the first protocol that can tell."""
    for protocol in services.protocols.installed:
        identity = protocol.find_sender(request.query, body)
        if identity is not None:
            return identity.device_id
    return None


def _is_device_path(services: Services, path: str) -> bool:
    return any(p.is_device_path(path) for p in services.protocols.installed)


def record_unknown_request(
    request: web.Request, services: Services, device_id: int | None, body: bytes
) -> None:
    """Record the request with its device; only count it if there is no device id."""
    if device_id is None:
        services.counts["stray"] += 1
        return
    services.unknown_requests.record(
        device_id, request.method, _redacted_address(request), request.remote, body
    )


def answer_refused(
    services: Services, request: web.Request, call: DeviceRequest, body: bytes
) -> web.StreamResponse:
    """Answer as if idle, and keep the request for administrators to see."""
    record_unknown_request(request, services, call.device.device_id, body)
    return idle_poll_response()


def _redacted_address(request: web.Request) -> str:
    """Return the path and query of the request, without a device's key."""
    path, address = request.path, request.raw_path
    if "/d/" in path:
        address = f"{redact_key(path)}?{address.partition('?')[2]}"
    return storable_text(address)
