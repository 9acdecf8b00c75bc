"""The device face: polls, and whatever else a device sends; results are next door.

A poll or a result gets an empty 200 unless there is a command: never an error for
being idle, unknown or refused. Only one that names no device is 400, and what did not
arrive whole or could not be kept is never a 200. `unknown_requests` answers whatever
else a device sends.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from functools import partial

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.model.device import Device
from pushserver.protocols.base import (
    DeviceProtocol,
    DeviceRequest,
    HandedOut,
    RequestKind,
)
from pushserver.services.held_polls import Poll
from pushserver.services.polling import PollAnswer
from pushserver.web.body import NO_BODY
from pushserver.web.browser import COUNT as BROWSER_COUNT
from pushserver.web.browser import is_from_browser
from pushserver.web.connection import HttpConnection, connection_of
from pushserver.web.device_results import receive_result
from pushserver.web.device_url import storable_uuid
from pushserver.web.half_closing import CANCEL_ON_DISCONNECT, RELEASE_ON_END
from pushserver.web.middleware import LOG_FIELDS, Handler, with_error_responses
from pushserver.web.response import idle_poll_response, make_response, whole_response
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


async def _serve_route(
    services: Services, protocol: DeviceProtocol, request: web.Request
) -> web.StreamResponse:
    """Answer what came to one of the *protocol*'s own addresses."""
    call = protocol.recognise(request.method, request.raw_path, request.headers)
    if call is None:
        return await dispatch_any_path(services, request)
    return await _serve_call(services, protocol, request, call)


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
    if device.requests_in_second > services.admission.max_requests:
        services.counts["bounds.deviceRequests"] += 1
        return idle_poll_response()
    device_id = device.device_id
    connection = connection_of(request)
    # Whoever has closed its side gets what there is, and is not kept.
    is_ended = connection.is_half_closed
    hold = 0 if is_ended else device.effective_hold(services.default_hold)
    busy = not services.polling.is_idle(device_id)
    if not busy and hold <= 0:
        device.was_last_poll_idle = True
        return _answer_idle_poll(services)
    if connection.transport is None:
        return _answer_idle_poll(services)
    waits = hold > 0 and not busy
    poll = Poll(
        device_id=device_id,
        uuid=storable_uuid(call.uuid),
        max_commands=protocol.max_commands,
        labels_deliveries=protocol.labels_deliveries,
        address=request.remote,
        is_gone=partial(_is_gone, services, device, connection, waits),
    )
    if hold > 0:
        request[CANCEL_ON_DISCONNECT] = True
        request[RELEASE_ON_END] = partial(services.holds.release, device_id)
    answer = await _next_command(services, device, connection, poll, hold, busy)
    if hold > 0:
        request[CANCEL_ON_DISCONNECT] = False
    if answer is None:
        return _answer_idle_poll(services)
    return await _send_command(request, connection, services, protocol, poll, answer)


async def _next_command(
    services: Services,
    device: Device,
    connection: HttpConnection,
    poll: Poll,
    hold: int,
    busy: bool,
) -> PollAnswer | None:
    """Hand out what waits, or hold the poll until something does."""
    started_ns = time.monotonic_ns()
    try:
        answer = await services.polling.poll(poll, hold, has_work=busy)
    except asyncio.CancelledError:
        if hold > 0 and not services.holds.is_closed:
            device.record_hang_up((time.monotonic_ns() - started_ns) // 1000)
        raise
    if hold > 0 and answer is None and connection.is_half_closed:
        device.record_hang_up((time.monotonic_ns() - started_ns) // 1000)
    elif hold > 0:
        services.held_contact.record(device)
    else:
        device.was_last_poll_idle = answer is None
    return answer


def _answer_idle_poll(services: Services) -> web.StreamResponse:
    """Answer an idle poll, which is counted and not logged."""
    services.counts["polls.idle"] += 1
    return idle_poll_response()


def _is_gone(
    services: Services, device: Device, connection: HttpConnection, waits: bool
) -> bool:
    """
    Tell whether it hung up, or was deleted since it began to poll.

    Whoever closes its side may still read an answer that comes at once; one that waited
    has probably given up.
    """
    transport = connection.transport
    if transport is None or transport.is_closing():
        return True
    if waits and connection.is_half_closed:
        return True
    return services.devices.find_in_any_scope(device.device_id) is not device


async def _send_command(
    request: web.Request,
    connection: HttpConnection,
    services: Services,
    protocol: DeviceProtocol,
    poll: Poll,
    answer: PollAnswer,
) -> web.StreamResponse:
    """Send the commands; a hand-out of which no byte was written is no attempt."""
    command = answer.in_flights[0].command
    with answer:
        try:
            handed_out = [
                HandedOut(
                    each.command.order
                    or await services.store.read_order(each.command.id),
                    each.delivery,
                )
                for each in answer.in_flights
            ]
        except Unavailable:
            return make_response()
        if poll.is_gone():
            return make_response()
        response = whole_response(protocol.render(handed_out), protocol.content_type)
        answer.has_started = True
        connection.bound_unsent(response.content_length or 0)
        try:
            await response.prepare(request)
            if connection.has_unsent:
                with answer.vouching():
                    await connection.drain()
        except ConnectionError:
            # The device may have read enough of a long answer that broke off.
            request[LOG_FIELDS].update(device_id=command.device_id, broken_off=True)
            return response
        answer.is_written = True
    request[LOG_FIELDS].update(
        device_id=command.device_id,
        command_id=command.id,
        state=command.state,
        endpoint=command.endpoint,
    )
    return response


#: Who answers what a device wants.
_HANDLERS = {RequestKind.POLL: _poll, RequestKind.RESULT: receive_result}


def fast_path_handlers(services: Services) -> Mapping[tuple[str, str], Handler]:
    """Return the handlers of the addresses that devices call all day."""
    return {
        route: with_error_responses(partial(_serve_route, services, protocol))
        for protocol in reversed(services.protocols.installed)
        for route in protocol.routes
    }


def fallback_handler(services: Services) -> Handler:
    """Return the handler of every other address."""
    return with_error_responses(partial(dispatch_any_path, services))
