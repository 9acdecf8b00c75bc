"""The fast lane: plain requests of devices and programs skip aiohttp's own protocol.

It takes a request that is plain and whole, and that it can answer from what the server
knows, or with one commit; then it calls the services that the handlers call. Every
other byte goes to aiohttp, untouched, on the same connection. Only while aiohttp waits
for a request may the lane take one.

Devices repeat themselves: but for the uuid, each poll of one is the same. Whose it is
was found out once, and holds until somebody changes who is served. So an idle poll
takes a few look-ups and a write.
"""

import re

import attrs

from pushserver.errors import Malformed
from pushserver.model.device import Device
from pushserver.protocols.base import DeviceProtocol, RequestKind
from pushserver.web.api import ENQUEUE_PATH, ENQUEUE_ROUTE
from pushserver.web.api.fast_enqueue import take_enqueue
from pushserver.web.device_polls import begin_poll, make_poll
from pushserver.web.device_results import DeviceResult
from pushserver.web.fast_connection import FastLaneConnection
from pushserver.web.fast_polls import answer_poll
from pushserver.web.fast_request import LaneRequest
from pushserver.web.fast_results import take_result
from pushserver.web.middleware import ANY_PATH, RequestLog, shown_path
from pushserver.web.plain_request import read_plain_request
from pushserver.web.response import idle_poll_bytes
from pushserver.web.services import Services

#: Polls of so many devices are remembered, none of them longer than so many bytes.
_REMEMBERED_POLLS, _MAX_POLL = 131_072, 512
_UUID = re.compile(rb"[A-Za-z0-9_.~-]*")
_KEY = re.compile(r"/d/[A-Za-z0-9_-]{1,64}(?=/)", re.ASCII)


def _without_uuid(poll: bytes) -> tuple[bytes, bytes]:
    """Return a poll without its uuid, and the uuid."""
    head, mark, rest = poll.partition(b"&uuid=")
    uuid, _, block = rest.partition(b" ")
    # What follows a whole poll that has none is not its uuid: the mark tells.
    return head + mark + block, uuid


@attrs.frozen(eq=False)
class KnownPoll:
    """
    A poll of `device`, which was admitted when it had this `access_version`.

    `path` is fit to be shown.
    """

    device: Device
    access_version: int
    protocol: DeviceProtocol
    key: str | None
    path: str
    log: RequestLog


class FastLane:
    """
    Which requests the lane takes.

    `_known` has the newest poll of each device by what it is without its uuid;
    `_newest` has that by device.
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
        self._known: dict[bytes, KnownPoll] = {}
        self._newest: dict[int, bytes] = {}

    def take(
        self, data: bytes, connection: FastLaneConnection, rest: bytes = b""
    ) -> bool:
        """Begin to answer what *data* begins with; False: it is not the lane's."""
        poll, uuid = _without_uuid(data)
        known = self._known.get(poll)
        if (
            known is None
            or (device := known.device).access_version != known.access_version
            or device.address != connection.peer_address
            or not (uuid.isalnum() or _UUID.fullmatch(uuid))
            or len(uuid) > _MAX_POLL
        ):
            return self._take_new(data, connection)
        services, key = self._services, known.key
        services.admission.admit_again(device)
        granted = begin_poll(services, device, connection)
        if granted is None:
            connection.write_idle(idle_poll_bytes(), rest)
        else:
            connection.begin(rest)
            request = LaneRequest(connection, data, "GET", known.path, known.log)
            protocol, text = known.protocol, uuid.decode() or None
            answer_poll(
                request,
                make_poll(services, protocol, device, key, text, connection, *granted),
            )
        return True

    def _take_new(self, data: bytes, connection: FastLaneConnection) -> bool:
        """Begin to answer what is none of the polls that came before."""
        plain = read_plain_request(data)
        if plain is None:
            return False
        route = self._routes.get((plain.method, plain.path))
        key = _KEY.match(plain.path)
        if key is not None and (plain.method, plain.path[key.end() :]) in self._routes:
            # The handler offers it to the other protocols.
            route = self._services.protocols.default, self._keyed_log
        if route is not None:
            protocol, log = route
            path = shown_path(plain.path)
            request = LaneRequest(connection, plain, plain.method, path, log)
            return self._take_of_device(request, protocol, data)
        enqueue = ENQUEUE_PATH.fullmatch(plain.target)
        if enqueue is None or plain.method != "POST":
            return False
        log = self._enqueue_log
        request = LaneRequest(connection, plain, plain.method, plain.path, log)
        return take_enqueue(self._services, request, enqueue[1])

    def _take_of_device(
        self, request: LaneRequest, protocol: DeviceProtocol, data: bytes
    ) -> bool:
        """Begin to answer a poll or a result, if its device is surely admitted."""
        plain, connection = request.plain, request.connection
        try:
            call = protocol.recognise(plain.method, plain.target, plain.head.headers)
        except Malformed:
            return False
        if call is None:
            return False
        admission, address = self._services.admission, connection.peer_address
        device = admission.may_admit_again(call.device, call.key, address)
        if device is None:
            return False
        if call.kind is RequestKind.RESULT:
            services, headers = self._services, plain.head.headers
            device_result = DeviceResult(services, protocol, call, device, headers)
            return take_result(request, device_result)
        poll = data[: len(data) - len(plain.rest)]
        version, path, log = device.access_version, request.path, request.log
        known = KnownPoll(device, version, protocol, call.key, path, log)
        is_known = self._remember(poll, call.uuid or "", known)
        return is_known and self.take(poll, connection, plain.rest)

    def _remember(self, data: bytes, expected_uuid: str, known: KnownPoll) -> bool:
        """Remember a poll, unless it is odd, in place of the one before; tell which."""
        poll, uuid = _without_uuid(data)
        is_odd = not data.startswith(b"GET ") or len(data) > _MAX_POLL
        if is_odd or not _UUID.fullmatch(uuid) or uuid.decode() != expected_uuid:
            return False
        if len(self._known) >= _REMEMBERED_POLLS:
            self._known.clear()
            self._newest.clear()
        device_id = known.device.device_id
        self._known.pop(self._newest.get(device_id, b""), None)
        self._newest[device_id], self._known[poll] = poll, known
        return True
