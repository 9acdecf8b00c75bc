"""The fast lane: plain requests of devices and programs skip aiohttp's own protocol.

It takes a request that is plain and whole, and that it can answer from what the server
knows, or with one commit; then it calls the services that the handlers call. Every
other byte goes to aiohttp, untouched, on the same connection.

Devices repeat themselves: but for the uuid, each poll of one is the same. Whose it is
was found out once, and holds until somebody changes who is served. So an idle poll
takes a few look-ups and a write.
"""

import asyncio
import re
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from pushserver.model.command import Result
from pushserver.model.device import Device, KnownPoll
from pushserver.model.in_flight import InFlight
from pushserver.protocols.base import DeviceProtocol, RequestKind
from pushserver.services.polling import PollAnswer
from pushserver.services.result_places import ReceivingResult
from pushserver.web.api import ENQUEUE_PATH, ENQUEUE_ROUTE
from pushserver.web.api.fast_enqueue import take_enqueue
from pushserver.web.body import Body
from pushserver.web.device_api import send_command
from pushserver.web.device_polls import DevicePoll, Granted, begin_poll, make_poll
from pushserver.web.device_results import DeviceResult, result_log_fields
from pushserver.web.fast_connection import FastLaneConnection, LaneRequest
from pushserver.web.middleware import ANY_PATH, RequestLog
from pushserver.web.plain_request import read_plain_request
from pushserver.web.response import SmallResponse, plain_head
from pushserver.web.services import Services

#: Polls of so many devices are remembered, none of them longer than so many bytes.
_REMEMBERED_POLLS, _MAX_POLL = 131_072, 512
#: The end of a poll's address, if that is its uuid; and without it.
_UUID, _NO_UUID = re.compile(rb"&uuid=[A-Za-z0-9_.~-]{0,512} "), b"&uuid= "


class FastLane:
    """
    Which requests the lane takes.

    `_known` has the devices by their known polls, without uuid. A route is of a
    protocol, and has a log. What has a key before it is offered to the others, too, and
    to the default first.
    """

    def __init__(self, services: Services) -> None:
        self._services, responses_of = services, services.metrics.responses_of
        self._enqueue_log = RequestLog(responses_of(*ENQUEUE_ROUTE))
        keyed_log = RequestLog(responses_of("any", ANY_PATH))
        self._keyed_route = services.protocols.default, keyed_log
        self._routes = {
            route: (protocol, RequestLog(responses_of(*route)))
            for protocol in reversed(services.protocols.installed)
            for route in protocol.routes
        }
        self._known: dict[KnownPoll | None, Device] = {}

    def take(self, data: bytes, connection: FastLaneConnection) -> bool:
        """Begin to answer what came, if it is a plain request; tell whether it is."""
        poll = connection.peer_address, _UUID.sub(_NO_UUID, data, 1)
        device = self._known.get(poll)
        if device is None or device.known_poll != poll:
            return self._take_new(data, connection)
        self._services.admission.admit_again(device)
        granted = begin_poll(self._services, device, connection)
        if granted is not None:
            return self._take_new(data, connection, granted)
        connection.write(plain_head())
        if connection.writing_paused:
            connection.begin()
            connection.end_request()
        return True

    def _take_new(
        self, data: bytes, connection: FastLaneConnection, granted: Granted = None
    ) -> bool:
        """Begin to answer what has to be parsed, maybe a poll that is *granted*."""
        plain = read_plain_request(data)
        if plain is None:
            return False
        method, target, _, _ = plain
        enqueue = ENQUEUE_PATH.fullmatch(target)
        if enqueue is not None and method == "POST":
            request = LaneRequest(self._enqueue_log, *plain, data, connection)
            return take_enqueue(self._services, request, enqueue[1])
        path = target.partition("?")[0]
        other = self._keyed_route if path.startswith("/d/") else None
        route = self._routes.get((method, path), other)
        if route is None:
            return False
        request = LaneRequest(route[1], *plain, data, connection)
        return self._take_of_device(request, route[0], granted)

    def _take_of_device(
        self, request: LaneRequest, protocol: DeviceProtocol, granted: Granted
    ) -> bool:
        """Begin to answer a poll or a result, if its device is surely admitted."""
        services, connection = self._services, request.connection
        call = protocol.recognise(request.method, request.target, request.headers)
        device = call and services.admission.may_admit_again(
            call.device, call.key, request.origin.address
        )
        if call is None or device is None:
            return False
        if call.kind is RequestKind.RESULT:
            result = DeviceResult(services, protocol, call, device, request.headers)
            return _take_result(request, result)
        if granted is None:
            is_known = self._remember(request, call.uuid, device)
            return is_known and self.take(request.data, connection)
        of_device = services, protocol, device, call.key, call.uuid
        device_poll = make_poll(*of_device, connection, *granted)
        connection.begin()
        if device_poll.hold > 0:
            connection.abandon = device_poll.abandon
            connection.release = device_poll.release
        device_poll.begin(partial(_end_poll, request, device_poll))
        return True

    def _remember(self, request: LaneRequest, uuid: str | None, device: Device) -> bool:
        """Remember a poll, unless it is odd, in place of the one before; tell which."""
        poll = _UUID.sub(_NO_UUID, request.data, 1)
        whole = poll.replace(_NO_UUID, b"&uuid=%b " % (uuid or "").encode(), 1)
        if whole != request.data or request.method != "GET" or len(poll) > _MAX_POLL:
            return False
        if len(self._known) >= _REMEMBERED_POLLS:
            self._known.clear()
        self._known.pop(device.known_poll, None)
        device.known_poll = request.connection.peer_address, poll
        self._known[device.known_poll] = device
        return True


def _end_poll(
    request: LaneRequest, device_poll: DevicePoll, in_flights: Sequence[InFlight]
) -> None:
    """Write the commands, if there are any; they mostly leave now."""
    connection, polling = request.connection, device_poll.services.polling
    connection.abandon = connection.release = None
    device_poll.record_end(is_idle=not in_flights)
    if not in_flights:
        connection.write(plain_head())
        connection.end_request()
        return
    answer, response = PollAnswer(in_flights, polling), None
    body = device_poll.render_orders(answer, [f.command.order for f in in_flights])
    if body is not None:
        response = SmallResponse(body, content_type=device_poll.protocol.content_type)
        connection.bound_unsent(len(body))
        connection.write(response.begin() + body)
    if response is None or connection.has_unsent:
        work = partial(send_command, device_poll, answer, written=response)  # type: ignore[arg-type]  # it stands for one
        connection.go_on(request, work)
        return
    polling.mark_written(in_flights)
    device_poll.record_sent(answer, request.fields)
    request.record(response)
    connection.end_request()


def _take_result(request: LaneRequest, device_result: DeviceResult) -> bool:
    """Answer a result, if it is of one command in flight; tell whether it is."""
    body, intake = Body(request.body), device_result.services.result_intake
    parts = device_result.protocol.split_result(device_result.call, body.content)
    posted = device_result.posted(body, parts[0])
    receiving = device_result.receiving()
    if len(parts) > 1 or not (intake.is_for_in_flight(posted) and receiving.has_room):
        return False
    device_result.services.admission.admit_again(device_result.device)
    device_result.begin()
    receiving.__enter__()

    def answer(storing: asyncio.Future[Result | None]) -> None:
        stored = None if storing.exception() else storing.result()
        if stored is None:
            # It is tried again, and looked for where the store has it.
            keep = partial(_keep, device_result, receiving, body)
            request.connection.go_on(request, keep)
            return
        receiving.__exit__()
        request.fields.update(result_log_fields(device_result.device, stored))
        request.answer(SmallResponse())

    intake.begin_accept(posted).add_done_callback(answer)
    request.connection.begin()
    return True


async def _keep(
    device_result: DeviceResult,
    receiving: ReceivingResult,
    body: Body,
    request: web.Request,
) -> web.StreamResponse:
    """Store a result that is under way, and answer."""
    try:
        return await device_result.keep(body, request)
    finally:
        receiving.__exit__()
