"""The device face: polls, and whatever else a device sends; results are next door.

A poll or a result gets an empty 200 unless there is a command: never an error for
being idle, unknown or refused. Only one that names no device is 400, and what did not
arrive whole or could not be kept is never a 200. `unknown_requests` answers whatever
else a device sends.
"""

from collections.abc import Awaitable, Mapping
from contextlib import nullcontext
from functools import partial

from aiohttp import web

from pushserver.protocols.base import (
    DeviceProtocol,
    DeviceRequest,
    RequestKind,
)
from pushserver.services.polling import PollAnswer
from pushserver.web.blob_response import BlobResponse
from pushserver.web.body import NO_BODY
from pushserver.web.browser import COUNT as BROWSER_COUNT
from pushserver.web.browser import is_from_browser
from pushserver.web.connection import connection_of
from pushserver.web.device_polls import DevicePoll, begin_poll, make_poll
from pushserver.web.device_results import receive_result
from pushserver.web.middleware import LOG_FIELDS, Handler, with_error_responses
from pushserver.web.response import (
    idle_poll_response,
    make_response,
    whole_response,
)
from pushserver.web.services import Services
from pushserver.web.unknown_requests import answer_refused, handle_unknown_request


async def dispatch_any_path(
    services: Services, request: web.Request
) -> web.StreamResponse:
    """Dispatch a request to any other address."""
    response = await serve_recognised(services, request)
    if response is not None:
        return response
    return await handle_unknown_request(services, request)


async def serve_recognised(
    services: Services, request: web.Request
) -> web.StreamResponse | None:
    """Answer a poll or a result, in the first protocol that knows it as one."""
    for protocol in services.protocols.installed:
        call = protocol.recognise(request.method, request.raw_path, request.headers)
        if call is not None:
            return await _serve_call(services, protocol, request, call)
    return None


def _serve_route(
    services: Services, protocol: DeviceProtocol, request: web.Request
) -> Awaitable[web.StreamResponse]:
    """Answer what came to one of the *protocol*'s own addresses."""
    call = protocol.recognise(request.method, request.raw_path, request.headers)
    if call is None:
        return dispatch_any_path(services, request)
    return _serve_call(services, protocol, request, call)


def _serve_call(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> Awaitable[web.StreamResponse]:
    """Answer a poll or a result; one of a browser gets and changes nothing."""
    if is_from_browser(request.headers):
        return _answer_browser(services)
    return _HANDLERS[call.kind](services, protocol, request, call)


async def _answer_browser(services: Services) -> web.StreamResponse:
    services.counts[BROWSER_COUNT] += 1
    return idle_poll_response()


async def _poll(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> web.StreamResponse:
    device = services.admission.admit(call.device, call.key, request.remote)
    if device is None:
        return answer_refused(services, request, call, NO_BODY)
    key, uuid, connection = call.key, call.uuid, connection_of(request)
    granted = begin_poll(services, device, connection)
    if granted is None:
        return idle_poll_response()
    device_poll = make_poll(services, protocol, device, key, uuid, connection, *granted)
    return await _serve_poll(device_poll, request)


async def _serve_poll(
    device_poll: DevicePoll, request: web.Request
) -> web.StreamResponse:
    """Hand out what waits, or hold the poll until something does."""
    abandonable = connection_of(request).abandonable(request, device_poll.release)
    with abandonable if device_poll.hold > 0 else nullcontext():
        answer = await device_poll.next_command()
    if answer is None:
        return idle_poll_response()
    return await send_command(device_poll, answer, request)


async def send_command(
    device_poll: DevicePoll,
    answer: PollAnswer,
    request: web.Request,
    written: web.StreamResponse | None = None,
) -> web.StreamResponse:
    """Send the commands; a hand-out of which no byte was *written* is no attempt."""
    with answer:
        response = written or await _render(device_poll, answer)
        if response is None:
            return make_response()
        return await _write_command(device_poll, answer, response, request)


async def _write_command(
    device_poll: DevicePoll,
    answer: PollAnswer,
    response: web.StreamResponse,
    request: web.Request,
) -> web.StreamResponse:
    """Write the response with the commands, unless it is written; wait for its end."""
    connection, log_fields = connection_of(request), request[LOG_FIELDS]
    answer.has_started = connection.is_let_in = True
    connection.bound_unsent(response.content_length or 0)
    try:
        await response.prepare(request)
        if isinstance(response, BlobResponse):
            with answer.vouching():
                await response.send_parts()
        elif connection.has_unsent:
            with answer.vouching():
                await connection.drain()
    except ConnectionError:
        # The device may have read enough of a long answer that broke off.
        device_poll.services.counts["polls.brokenOff"] += 1
        log_fields.update(device_id=device_poll.device.device_id, broken_off=True)
        return response
    finally:
        connection.is_let_in = False
    answer.is_written = True
    device_poll.record_sent(answer, log_fields)
    return response


async def _render(
    device_poll: DevicePoll, answer: PollAnswer
) -> web.StreamResponse | None:
    """Return the response with the commands; with blobs it is sent piece by piece."""
    body = await device_poll.render(answer)
    if body is None:
        return None
    content_type = device_poll.protocol.content_type
    if isinstance(body, bytes):
        return whole_response(body, content_type)
    return BlobResponse(body, device_poll.services.blobs, content_type)


#: What answers each kind of request.
_HANDLERS = {RequestKind.POLL: _poll, RequestKind.RESULT: receive_result}


def fast_path_handlers(services: Services) -> Mapping[tuple[str, str], Handler]:
    """Return the handlers of the addresses that devices call all day."""
    return {
        route: with_error_responses(
            partial(_serve_route, services, protocol),
            services.metrics.responses_of(*route),
        )
        for protocol in reversed(services.protocols.installed)
        for route in protocol.routes
    }
