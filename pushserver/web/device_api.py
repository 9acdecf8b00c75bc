"""The device face: polls, results, and whatever else a device sends.

A device gets an empty 200 unless there is a command for it: never an error for being
idle, unknown, refused or odd. Only a poll or result that names no device is 400, and a
body over the limit 413; 503 says that a result could not be kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.model.device import Device
from pushserver.model.lane import InFlight
from pushserver.model.order import Order
from pushserver.protocols.base import (
    DeviceProtocol,
    DeviceRequest,
    HandedOut,
    RequestKind,
    ResultPart,
)
from pushserver.services.held_polls import Poll
from pushserver.services.polling import PollAnswer
from pushserver.services.result_intake import PostedResult
from pushserver.web.body import Body, read_body
from pushserver.web.device_url import storable_text
from pushserver.web.middleware import (
    CANCEL_ON_DISCONNECT,
    Handler,
    add_log_fields,
    with_error_responses,
)
from pushserver.web.response import idle_poll_response, make_response
from pushserver.web.services import Services
from pushserver.web.unknown_requests import (
    handle_unknown_request,
    record_unknown_request,
)

T = TypeVar("T")

#: Seconds for which a result waits for a store that is away. Devices wait 30.
STORE_WAIT = 25.0
#: Seconds between two tries.
STORE_RETRY_INTERVAL = 0.5


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
        call = _recognise(protocol, request)
        if call is not None:
            return await _serve(services, protocol, request, call)
    return None


async def _serve_route(
    services: Services, protocol: DeviceProtocol, request: web.Request
) -> web.StreamResponse:
    """Answer what came to one of the *protocol*'s own addresses."""
    call = _recognise(protocol, request)
    if call is None:
        return await dispatch_any_path(services, request)
    return await _serve(services, protocol, request, call)


def _recognise(protocol: DeviceProtocol, request: web.Request) -> DeviceRequest | None:
    return protocol.recognise(request.method, request.raw_path, request.headers)


async def _serve(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> web.StreamResponse:
    if call.kind is RequestKind.POLL:
        return await _poll(services, protocol, request, call)
    return await _receive_result(services, protocol, request, call)


async def _poll(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> web.StreamResponse:
    device = services.admission.admit(call.device, call.key, request.remote)
    if device is None:
        return _record_refused(request, services, call, b"")
    device_id = device.device_id
    hold = device.effective_hold(services.default_hold)
    busy = not services.polling.is_idle(device_id)
    if not busy and hold <= 0:
        device.was_last_poll_idle = True
        return _answer_idle_poll(services)
    poll = Poll(
        device_id=device_id,
        uuid=_storable(call.uuid),
        max_commands=protocol.max_commands,
        labels_deliveries=protocol.labels_deliveries,
        address=request.remote,
        is_connected=partial(_is_connected, request),
    )
    if hold > 0:
        request[CANCEL_ON_DISCONNECT] = True
    answer = await _next_command(services, device, poll, hold, busy)
    if hold > 0:
        request[CANCEL_ON_DISCONNECT] = False
    if answer is None:
        return _answer_idle_poll(services)
    return await _send_command(request, services, protocol, answer)


async def _next_command(
    services: Services, device: Device, poll: Poll, hold: int, busy: bool
) -> PollAnswer | None:
    """Hand out what waits, or hold the poll until something does."""
    started_ns = time.monotonic_ns()
    try:
        answer = await services.polling.poll(poll, hold, has_work=busy)
    except asyncio.CancelledError:
        if hold > 0 and not services.holds.is_closed:
            device.record_hang_up((time.monotonic_ns() - started_ns) // 1000)
        raise
    device.was_last_poll_idle = answer is None and hold <= 0
    return answer


def _answer_idle_poll(services: Services) -> web.StreamResponse:
    """Answer an idle poll, which is counted and not logged."""
    services.counts["polls.idle"] += 1
    return idle_poll_response()


def _record_refused(
    request: web.Request, services: Services, call: DeviceRequest, body: bytes
) -> web.StreamResponse:
    """Answer as if idle, and keep the request for administrators to see."""
    record_unknown_request(request, services, call.device.device_id, body)
    return idle_poll_response()


def _is_connected(request: web.Request) -> bool:
    transport = request.transport
    return transport is not None and not transport.is_closing()


async def _send_command(
    request: web.Request,
    services: Services,
    protocol: DeviceProtocol,
    answer: PollAnswer,
) -> web.StreamResponse:
    """Send the commands; a hand-out of which no byte was written is no attempt."""
    command = answer.in_flight.command
    with answer:
        try:
            handed_out = [
                HandedOut(await _order(services, each), each.delivery)
                for each in answer.in_flight.answer
            ]
        except Unavailable:
            return make_response()
        if not _is_connected(request):
            return make_response()
        response = make_response(
            protocol.render(handed_out), content_type=protocol.content_type
        )
        answer.has_started = True
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            # The device may have read enough of a long answer that broke off.
            add_log_fields(request, device_id=command.device_id, broken_off=True)
            return response
        answer.is_written = True
    add_log_fields(
        request,
        device_id=command.device_id,
        command_id=command.id,
        state=command.state,
        endpoint=command.endpoint,
    )
    return response


async def _order(services: Services, in_flight: InFlight) -> Order:
    command = in_flight.command
    return command.order or await services.store.read_order(command.id)


async def _receive_result(
    services: Services,
    protocol: DeviceProtocol,
    request: web.Request,
    call: DeviceRequest,
) -> web.StreamResponse:
    device = await _admit_device(services, call, request.remote)
    if device is None:
        body = await read_body(request)
        return _record_refused(request, services, call, body.content)
    device.was_last_poll_idle = False
    with services.result_intake.receiving(device.device_id, _storable(call.uuid)):
        body = await read_body(request)
        for part in protocol.split_result(call, body.content):
            posted_result = _posted_result(request, protocol, device, body, part)
            recorded = await _retry_while_unavailable(
                services, partial(services.result_intake.accept, posted_result)
            )
    add_log_fields(
        request,
        device_id=device.device_id,
        command_id=recorded.command_id,
        orphan=recorded.command_id is None,
    )
    return make_response()


async def _admit_device(
    services: Services, call: DeviceRequest, address: str | None
) -> Device | None:
    """Admit a device that posts; another server may have adopted it a moment ago."""
    admission, device_id = services.admission, call.device.device_id
    device = admission.admit(call.device, call.key, address)
    if device is None:
        refused_admission = admission.admission_state(device_id)
        await _retry_while_unavailable(services, services.cluster_sync.catch_up)
        if refused_admission != admission.admission_state(device_id):
            device = admission.admit(call.device, call.key, address)
    return device


def _posted_result(
    request: web.Request,
    protocol: DeviceProtocol,
    device: Device,
    body: Body,
    part: ResultPart,
) -> PostedResult:
    return PostedResult(
        scope_id=device.scope_id,
        device_id=device.device_id,
        protocol=protocol,
        uuid=_storable(part.uuid),
        endpoint=_storable(part.endpoint),
        content_type=_header(request, "Content-Type"),
        content_encoding=_header(request, "Content-Encoding"),
        complete=body.is_complete,
        body=part.body,
    )


def _storable(text: str | None) -> str | None:
    return None if text is None else storable_text(text)


def _header(request: web.Request, name: str) -> str | None:
    value = request.headers.get(name)
    return None if value is None else storable_text(value)[:255]


async def _retry_while_unavailable(
    services: Services, attempt: Callable[[], Awaitable[T]]
) -> T:
    """Retry while the store is away: 200 must mean that the result is stored."""
    until = time.monotonic() + STORE_WAIT
    while True:
        try:
            return await attempt()
        except Unavailable:
            if time.monotonic() >= until or services.holds.is_closed:
                raise
            await asyncio.sleep(STORE_RETRY_INTERVAL)


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
