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

from pushserver.model.command import Result
from pushserver.model.device import Device
from pushserver.model.in_flight import InFlight
from pushserver.protocols.base import DeviceProtocol, RequestKind
from pushserver.services.polling import PollAnswer
from pushserver.web.api import ENQUEUE_PATH, ENQUEUE_ROUTE
from pushserver.web.api.fast_enqueue import take_enqueue
from pushserver.web.body import Body
from pushserver.web.device_api import send_command
from pushserver.web.device_polls import DevicePoll, Granted, begin_poll, make_poll
from pushserver.web.device_results import DeviceResult, result_log_fields
from pushserver.web.fast_connection import FastLaneConnection, LaneRequest
from pushserver.web.middleware import ANY_PATH, RequestLog, shown_path
from pushserver.web.plain_request import PlainRequest, read_plain_request
from pushserver.web.response import SmallResponse, idle_poll_bytes
from pushserver.web.services import Services

#: Polls of so many devices are remembered, none of them longer than so many bytes.
_REMEMBERED_POLLS, _MAX_POLL = 131_072, 512
_UUID = re.compile(rb"[A-Za-z0-9_.~-]{0,512}")
_KEY = re.compile(r"/d/[A-Za-z0-9_-]{1,64}(?=/)", re.ASCII)


def _without_uuid(poll: bytes) -> tuple[bytes, bytes]:
    """Return a poll without its uuid, and the uuid."""
    head, mark, rest = poll.partition(b"&uuid=")
    uuid, _, block = rest.partition(b" ")
    # What follows a whole poll that has none is not its uuid: the mark tells.
    return head + mark + block, uuid


class FastLane:
    """
    Which requests the lane takes.

    `_known` has the devices by their known polls. A route is of a protocol, and has a
    log; with a key before it, all have the same.
    """

    def __init__(self, services: Services) -> None:
        self._services, responses_of = services, services.metrics.responses_of
        self._enqueue_log = RequestLog(responses_of(*ENQUEUE_ROUTE))
        self._keyed_log = RequestLog(responses_of("any", ANY_PATH))
        self._routes = {
            route: (protocol, RequestLog(responses_of(*route)))
            for protocol in reversed(services.protocols.installed)
            for route in protocol.routes
        }
        self._known: dict[bytes, Device] = {}

    def take(self, data: bytes, connection: FastLaneConnection) -> bool:
        """Begin to answer what came, if it is a plain request; tell whether it is."""
        poll, uuid = _without_uuid(data)
        device = self._known.get(poll)
        if (
            device is None
            or device.known_poll != poll
            or device.address != connection.peer_address
            or not _UUID.fullmatch(uuid)
        ):
            return self._take_new(data, connection)
        self._services.admission.admit_again(device)
        granted = begin_poll(self._services, device, connection)
        if granted is not None:
            return self._take_new(data, connection, granted)
        connection.write(idle_poll_bytes())
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
        enqueue = ENQUEUE_PATH.fullmatch(plain.target)
        if enqueue is not None and plain.method == "POST":
            request = LaneRequest(connection, plain, self._enqueue_log, plain.target)
            return take_enqueue(self._services, request, enqueue[1])
        path = plain.target.partition("?")[0]
        key = _KEY.match(path)
        route = self._routes.get((plain.method, path[key.end() :] if key else path))
        if route is None:
            return False
        # With a key before it, the handler offers it to the other protocols.
        default = self._services.protocols.default
        protocol, log = (default, self._keyed_log) if key else route
        request = LaneRequest(connection, plain, log, shown_path(path))
        return self._take_of_device(request, protocol, granted)

    def _take_of_device(
        self, request: LaneRequest, protocol: DeviceProtocol, granted: Granted
    ) -> bool:
        """Begin to answer a poll or a result, if its device is surely admitted."""
        services, connection, plain = self._services, request.connection, request.plain
        call = protocol.recognise(plain.method, plain.target, plain.headers)
        device = call and services.admission.may_admit_again(
            call.device, call.key, connection.peer_address
        )
        if call is None or device is None:
            return False
        if call.kind is RequestKind.RESULT:
            result = DeviceResult(services, protocol, call, device, plain.headers)
            return _take_result(request, result)
        if granted is None:
            is_known = self._remember(plain, call.uuid, device)
            return is_known and self.take(plain.data, connection)
        of_device = services, protocol, device, call.key, call.uuid
        device_poll = make_poll(*of_device, connection, *granted)
        connection.begin()
        if device_poll.hold > 0:
            connection.abandon = device_poll.abandon
            connection.release = device_poll.release
        device_poll.begin(partial(_end_poll, request, device_poll))
        return True

    def _remember(self, plain: PlainRequest, uuid: str | None, device: Device) -> bool:
        """Remember a poll, unless it is odd, in place of the one before; tell which."""
        poll, found = _without_uuid(plain.data)
        is_odd = plain.method != "GET" or len(poll) > _MAX_POLL
        if is_odd or not _UUID.fullmatch(found) or found.decode() != (uuid or ""):
            return False
        if len(self._known) >= _REMEMBERED_POLLS:
            self._known.clear()
        self._known.pop(device.known_poll or b"", None)
        self._known[poll], device.known_poll = device, poll
        return True


def _end_poll(
    request: LaneRequest, device_poll: DevicePoll, in_flights: Sequence[InFlight]
) -> None:
    """Write the commands, if there are any; if they are few, they mostly leave now."""
    connection, polling = request.connection, device_poll.services.polling
    connection.abandon = connection.release = None
    device_poll.record_end(is_idle=not in_flights)
    if not in_flights:
        connection.write(idle_poll_bytes())
        connection.end_request()
        return
    answer = PollAnswer(in_flights, polling)
    response = device_poll.render_at_once(answer)
    if response is not None:
        connection.write(response.as_plain())
    if response is None or connection.has_unsent:
        work = partial(send_command, device_poll, answer, written=response)
        connection.go_on(request, work)
        return
    polling.mark_written(in_flights)
    device_poll.record_sent(answer, request.fields)
    request.answer(response, is_written=True)


def _take_result(request: LaneRequest, device_result: DeviceResult) -> bool:
    """Answer a result, if it is of one command in flight; tell whether it is."""
    body, intake = Body(request.plain.body), device_result.services.result_intake
    parts = device_result.protocol.split_result(device_result.call, body.content)
    posted = device_result.posted(body, parts[0])
    if len(parts) > 1 or not intake.is_for_in_flight(posted):
        return False
    device_result.services.admission.admit_again(device_result.device)
    device_result.begin()
    receiving = device_result.receiving()
    receiving.__enter__()

    def answer(storing: asyncio.Future[Result | None]) -> None:
        receiving.__exit__(None, None, None)
        stored = None if storing.exception() else storing.result()
        if stored is None:
            # It is tried again, and looked for where the store has it.
            request.connection.go_on(request, partial(device_result.keep, body))
            return
        request.fields.update(result_log_fields(device_result.device, stored))
        request.answer(SmallResponse())

    intake.begin_accept(posted).add_done_callback(answer)
    request.connection.begin()
    return True
