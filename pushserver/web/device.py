"""The device face: `/push`, `/result`, and whatever else a terminal sends.

A device gets an empty 200 unless there is a command for it: never an error for being
idle, unknown, refused or odd. Only a `deviceId` that is none is 400, and a body over
the limit 413; 503 says that a result could not be kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from aiohttp import web

from pushserver.dialects.controlid.push import answer
from pushserver.errors import Unavailable
from pushserver.model.device import Device
from pushserver.model.lane import Flight
from pushserver.services.holds import Visit
from pushserver.services.reporting import Post
from pushserver.web.address import (
    Call,
    Query,
    call_of,
    printable,
    query_of,
)
from pushserver.web.answer import idle, respond
from pushserver.web.around import ENDS_WITH_PEER, Handler, around, note
from pushserver.web.body import Body, read_body
from pushserver.web.services import Services
from pushserver.web.strays import keep, stray

T = TypeVar("T")

#: Seconds for which a result waits for a store that is away. Devices wait 30.
PATIENCE = 25.0
#: Seconds between two tries.
PAUSE = 0.5


async def anything(services: Services, request: web.Request) -> web.StreamResponse:
    """Answer what came to any other address."""
    call, key = call_of(request.method, request.path)
    if call is Call.PUSH:
        return await _poll(services, request, key)
    if call is Call.RESULT:
        return await _result(services, request, key)
    return await stray(services, request)


async def _poll(
    services: Services, request: web.Request, key: str | None
) -> web.StreamResponse:
    query = query_of(request.raw_path)
    device_id = query.device_id()
    device = services.fleet.meet(device_id, key, request.remote)
    if device is None:
        return _refused(request, services, device_id, b"")
    hold = device.hold_for(services.hold)
    busy = not services.polling.is_idle(device_id)
    if not busy and hold <= 0:
        device.was_idle = True
        return _idle(services)
    visit = Visit(
        device_id=device_id,
        uuid=query.uuid,
        address=request.remote,
        is_there=partial(_is_there, request),
    )
    if hold > 0:
        request[ENDS_WITH_PEER] = True
    flight = await _ask(services, device, visit, hold, busy)
    if hold > 0:
        request[ENDS_WITH_PEER] = False
    if flight is None:
        return _idle(services)
    return await _write(request, services, flight)


async def _ask(
    services: Services, device: Device, visit: Visit, hold: int, busy: bool
) -> Flight | None:
    """Hand out what waits, or hold the poll until something does."""
    begun = time.monotonic_ns()
    try:
        flight = await services.polling.poll(visit, hold, busy=busy)
    except asyncio.CancelledError:
        if hold > 0 and not services.holds.is_closed:
            device.hung_up((time.monotonic_ns() - begun) // 1000)
        raise
    device.was_idle = flight is None and hold <= 0
    return flight


def _idle(services: Services) -> web.StreamResponse:
    """Answer an idle poll, which is counted and not logged."""
    services.fleet.counts["polls.idle"] += 1
    return idle()


def _refused(
    request: web.Request, services: Services, device_id: int, body: bytes
) -> web.StreamResponse:
    """Answer as if idle; what the device sent is kept for whoever looks."""
    keep(request, services, device_id, body)
    return idle()


def _is_there(request: web.Request) -> bool:
    transport = request.transport
    return transport is not None and not transport.is_closing()


async def _write(
    request: web.Request, services: Services, flight: Flight
) -> web.StreamResponse:
    """Send the command; a hand-out of which no byte could be written is no attempt."""
    try:
        order = await services.polling.order(flight)
    except (Unavailable, asyncio.CancelledError) as error:
        services.polling.lost(flight)
        if isinstance(error, Unavailable):
            return respond()
        raise
    if not _is_there(request):
        services.polling.lost(flight)
        return respond()
    response = respond(answer(order), content_type="application/json")
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        # It broke off amid a long answer: the device may have read enough of it.
        note(request, device_id=flight.command.device_id, broken_off=True)
        return response
    services.polling.written(flight)
    note(
        request,
        device_id=flight.command.device_id,
        command_id=flight.command.id,
        state=flight.command.state,
        endpoint=flight.command.endpoint,
    )
    return response


async def _result(
    services: Services, request: web.Request, key: str | None
) -> web.StreamResponse:
    query = query_of(request.raw_path)
    device_id = query.device_id()
    device = await _meet(services, device_id, key, request.remote)
    if device is None:
        body = await read_body(request)
        return _refused(request, services, device_id, body.data)
    device.was_idle = False
    with services.reporting.arriving(device_id, query.uuid):
        body = await read_body(request)
        post = _post(request, query, device, body)
        taken = await _keep_trying(services, partial(services.reporting.report, post))
    note(
        request,
        device_id=device_id,
        command_id=taken.command_id,
        orphan=taken.command_id is None,
    )
    return respond()


async def _meet(
    services: Services, device_id: int, key: str | None, address: str | None
) -> Device | None:
    """Meet who posts a result: another server may have adopted it a moment ago."""
    fleet = services.fleet
    device = fleet.meet(device_id, key, address)
    if device is None:
        refused = fleet.admission(device_id)
        await _keep_trying(services, services.peers.catch_up)
        if refused != fleet.admission(device_id):
            device = fleet.meet(device_id, key, address)
    return device


def _post(request: web.Request, query: Query, device: Device, body: Body) -> Post:
    return Post(
        scope_id=device.scope_id,
        device_id=device.device_id,
        uuid=query.uuid,
        endpoint=query.endpoint,
        content_type=_header(request, "Content-Type"),
        content_encoding=_header(request, "Content-Encoding"),
        complete=body.complete,
        body=body.data,
    )


def _header(request: web.Request, name: str) -> str | None:
    value = request.headers.get(name)
    return None if value is None else printable(value)[:255]


async def _keep_trying(services: Services, work: Callable[[], Awaitable[T]]) -> T:
    """Do what a result needs, waiting for a store that is away: 200 would be a lie."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return await work()
        except Unavailable:
            if time.monotonic() >= until or services.holds.is_closed:
                raise
            await asyncio.sleep(PAUSE)


def hot(services: Services) -> Mapping[tuple[str, str], Handler]:
    """Return the handlers of the addresses that devices call all day."""
    return {
        ("GET", "/push"): around(partial(_poll, services, key=None)),
        ("POST", "/result"): around(partial(_result, services, key=None)),
    }


def rest(services: Services) -> Handler:
    """Return the handler of every other address."""
    return around(partial(anything, services))
