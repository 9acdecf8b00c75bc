"""Requests that no route matches, and those of devices that are not admitted.

Nothing is there, and 404 says so, with one exception: what a device tells, rather than
asks, gets the empty 200 that it expects. A program's 404 is a problem document, for
people to find their wrong address in; a device's is empty.
"""

from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.storable_text import storable_text
from pushserver.protocols.base import DeviceRequest, UnknownRequestKind
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.body import Body, read_beginning
from pushserver.web.device_url import mask_keys, mask_keys_in_body
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.request_identity import identity_of
from pushserver.web.response import idle_poll_response, make_response
from pushserver.web.services import Services

#: The first part of the paths below which programs call, here or elsewhere.
PROGRAM_ROOTS = frozenset({"api", "v1", "authentication", "v5", "iocm", "iodm"})
_ACKNOWLEDGED = (UnknownRequestKind.NOTIFICATION, UnknownRequestKind.OTHER_METHOD)
_ANYWHERE = (UnknownRequestKind.NOTIFICATION, UnknownRequestKind.QUESTION)


async def handle_unknown_request(
    services: Services, request: web.Request
) -> web.StreamResponse:
    """
    Answer a request that no route matches; a device's is recorded.

    Raises:
        NotFound: it is a program's.
    """
    kind = _kind_of(services, request.path)
    if _is_program(request, kind):
        identity_of(request)
        shown = storable_text(mask_keys(request.path)[:200])
        raise NotFound(f"There is nothing at {shown}.")
    read = await read_beginning(request)
    body = read.content
    device_id = _sender_id(services, request, body)
    if device_id is not None:
        request[LOG_FIELDS].update(device_id=device_id)
    _record_unknown_request(request, services, device_id, body)
    request[LOG_FIELDS].update(unknown_request=True)
    if read.error is not None:
        raise read.error
    return _close_if_cut(
        make_response(status=200 if kind in _ACKNOWLEDGED else 404), read
    )


def _kind_of(services: Services, path: str) -> UnknownRequestKind | None:
    kinds = (p.classify_unknown(path) for p in services.protocols.installed)
    return next((kind for kind in kinds if kind is not None), None)


def _is_program(request: web.Request, kind: UnknownRequestKind | None) -> bool:
    """
    Tell programs from devices, which have no tokens and call paths of their own.

    A program may have a wrong prefix before the path of this very API.
    """
    if "Authorization" in request.headers:
        return True
    if kind in _ANYWHERE:
        return False
    root = next((part for part in request.path.split("/") if part), "")
    return root.lower() in PROGRAM_ROOTS or f"{BASE_PATH}/" in request.path


def _sender_id(services: Services, request: web.Request, body: bytes) -> int | None:
    """Find out which device sent this, by the first protocol that can tell."""
    for protocol in services.protocols.installed:
        identity = protocol.find_sender(request.query, body)
        if identity is not None:
            return identity.device_id
    return None


def answer_refused(
    services: Services, request: web.Request, call: DeviceRequest, body: Body
) -> web.StreamResponse:
    """
    Answer a poll or result that is not served as if idle.

    Of an adopted device, whose key is missing or wrong, it is kept for people to see.
    Others are in quarantine, which is seen anyway.
    """
    device = services.devices.find_in_any_scope(call.device.device_id)
    if device is not None and device.is_adopted and device.identity == call.device:
        _record_unknown_request(request, services, device.device_id, body.content)
    if body.error is not None:
        raise body.error
    return _close_if_cut(idle_poll_response(), body)


def _close_if_cut(response: web.StreamResponse, body: Body) -> web.StreamResponse:
    if body.is_cut:
        response.force_close()
    return response


def _record_unknown_request(
    request: web.Request, services: Services, device_id: int | None, body: bytes
) -> None:
    """Record the request with its device; only count it if there is no device id."""
    if device_id is None:
        services.counts["stray"] += 1
        return
    services.unknown_requests.record(
        device_id,
        request.method,
        storable_text(mask_keys(request.raw_path)),
        request.remote,
        mask_keys_in_body(body),
    )
