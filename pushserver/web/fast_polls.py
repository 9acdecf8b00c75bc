"""Polls in the fast lane: an idle one takes a few look-ups and a write.

Devices repeat themselves: but for the uuid, each poll of one is the same. Whose it is
was found out once, and holds until somebody changes who is served.
"""

import asyncio
import re
from functools import partial
from typing import cast

import attrs
from aiohttp import web

from pushserver.model.device import Device, DeviceIdentity
from pushserver.model.in_flight import InFlight
from pushserver.protocols.base import (
    DeviceProtocol,
    DeviceRequest,
    RequestKind,
)
from pushserver.services.polling import PollAnswer
from pushserver.web.device_api import send_command, serve_poll, write_command
from pushserver.web.device_polls import DevicePoll, begin_poll, make_poll
from pushserver.web.draining import MAX_KERNEL_UNSENT
from pushserver.web.fast_request import LaneConnection, LaneRequest
from pushserver.web.middleware import RequestLog, shown_path
from pushserver.web.plain_request import PlainRequest, read_plain_request
from pushserver.web.response import SmallResponse, idle_poll_bytes
from pushserver.web.services import Services

#: So many polls are remembered, none of them longer than so many bytes.
_REMEMBERED_POLLS, _MAX_POLL = 131_072, 1024
_UUID = re.compile(rb"[A-Za-z0-9_.~-]*")


@attrs.frozen(eq=False)
class KnownPoll:
    """
    A poll of `device`, which was admitted when it had this `access_version`.

    `path` is fit to be shown.
    """

    device: Device
    access_version: int
    protocol: DeviceProtocol
    identity: DeviceIdentity
    key: str | None
    path: str
    log: RequestLog


@attrs.frozen(eq=False)
class FastPolls:
    """Answers polls of devices that were admitted before."""

    services: Services
    _known: dict[tuple[bytes, bytes], KnownPoll] = attrs.field(factory=dict, init=False)

    def take_known(self, data: bytes, connection: LaneConnection) -> bool:
        """Answer a poll that came before, but for its uuid; tell whether it is one."""
        head, _, rest = data.partition(b"&uuid=")
        uuid, _, block = rest.partition(b" ")
        known = self._known.get((head, block))
        if known is None:
            return False
        device, services = known.device, self.services
        if (
            device.access_version != known.access_version
            or device.address != connection.peer_address
            or not (uuid.isalnum() or _UUID.fullmatch(uuid))
        ):
            return False
        admission, now = services.admission, services.clock.now()
        admission.admit_again(device, now)
        hold = services.default_hold if device.hold is None else device.hold
        if hold > 0 or device.requests_in_second > admission.max_requests:
            plain = read_plain_request(data)
            assert plain is not None  # noqa: S101 - as the one before
            self._serve(known, plain, uuid.decode() or None, connection, b"")
        elif services.store.is_idle(device.device_id, now, services.lanes.grace):
            device.was_last_poll_idle = True
            services.counts["polls.idle"] += 1
            connection.write_idle(idle_poll_bytes())
        else:
            connection.begin(b"")
            request = LaneRequest(connection, data, "GET", known.path, known.log)
            self._hand_out(request, self._make_poll(known, uuid.decode(), connection))
        return True

    def _make_poll(
        self, known: KnownPoll, uuid: str, connection: LaneConnection
    ) -> DevicePoll:
        """Return a poll that is not held, and for which there is a command."""
        device, address = known.device, connection.peer_address
        call = DeviceRequest(RequestKind.POLL, known.identity, known.key, uuid or None)
        return make_poll(
            self.services, known.protocol, device, call, address, connection, 0, True
        )

    def take(
        self,
        protocol: DeviceProtocol,
        plain: PlainRequest,
        call: DeviceRequest,
        data: bytes,
        connection: LaneConnection,
        log: RequestLog,
    ) -> bool:
        """Answer another poll, if its device is surely admitted; tell whether."""
        admission, address = self.services.admission, connection.peer_address
        if plain.body or not admission.may_admit_again(call.device, call.key, address):
            return False
        device = admission.admit(call.device, call.key, address)
        assert device is not None  # noqa: S101 - that was asked before
        version, path = device.access_version, shown_path(plain.path)
        known = KnownPoll(device, version, protocol, call.device, call.key, path, log)
        self._remember(known, call, data[: plain.end])
        self._serve(known, plain, call.uuid, connection, data[plain.end :])
        return True

    def _remember(self, known: KnownPoll, call: DeviceRequest, data: bytes) -> None:
        head, _, rest = data.partition(b"&uuid=")
        uuid, _, block = rest.partition(b" ")
        if len(data) > _MAX_POLL or uuid.decode() != (call.uuid or ""):
            return
        if len(self._known) >= _REMEMBERED_POLLS:
            self._known.clear()
        self._known[head, block] = known

    def _serve(
        self,
        known: KnownPoll,
        plain: PlainRequest,
        uuid: str | None,
        connection: LaneConnection,
        rest: bytes,
    ) -> None:
        """Answer the poll of an admitted device."""
        connection.begin(rest)
        request = LaneRequest(connection, plain, plain.method, known.path, known.log)
        device, protocol = known.device, known.protocol
        call = DeviceRequest(RequestKind.POLL, known.identity, known.key, uuid)
        address = connection.peer_address
        device_poll = begin_poll(
            self.services, protocol, device, call, address, connection
        )
        if device_poll is None:
            request.answer_idle()
        elif device_poll.hold > 0:
            request.go_on(partial(serve_poll, device_poll))
        else:
            self._hand_out(request, device_poll)

    def _hand_out(self, request: LaneRequest, device_poll: DevicePoll) -> None:
        services = self.services
        services.holds.release(device_poll.device.device_id)
        handing_out = services.lanes.begin_hand_out(device_poll.poll)
        handing_out.add_done_callback(partial(self._answer, request, device_poll))

    def _answer(
        self,
        request: LaneRequest,
        device_poll: DevicePoll,
        handing_out: asyncio.Future[tuple[InFlight, ...]],
    ) -> None:
        """Answer with what was handed out; if the store is away, that is nothing."""
        in_flights = () if handing_out.exception() else handing_out.result()
        device_poll.device.was_last_poll_idle = not in_flights
        if not in_flights:
            self.services.counts["polls.idle"] += 1
            request.answer_idle()
            return
        answer = PollAnswer(in_flights, self.services.polling)
        body = device_poll.render_at_once(answer)
        is_long = body is None or len(body) >= MAX_KERNEL_UNSENT
        if body is None or is_long or device_poll.poll.is_gone():
            request.go_on(partial(send_command, device_poll, answer))
        else:
            self._send(request, device_poll, answer, body)

    def _send(
        self,
        request: LaneRequest,
        device_poll: DevicePoll,
        answer: PollAnswer,
        body: bytes,
    ) -> None:
        """Write a short answer, which mostly leaves at once."""
        content_type = device_poll.protocol.content_type
        response = SmallResponse(body, content_type=content_type)
        request.connection.write_at_once(response.as_plain())
        if request.connection.has_unsent:
            request.go_on(partial(_finish, device_poll, answer, response))
            return
        self.services.polling.mark_written(answer.in_flights)
        device_poll.record_sent(answer, request.fields)
        request.record(response.status)
        request.connection.end_request()


async def _finish(
    device_poll: DevicePoll,
    answer: PollAnswer,
    response: SmallResponse,
    request: web.Request,
) -> web.StreamResponse:
    """Wait until what was written has left."""
    written = cast("web.StreamResponse", response)
    with answer:
        return await write_command(device_poll, answer, written, request)
