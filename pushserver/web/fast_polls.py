"""Polls in the fast lane: an idle one takes a few look-ups and a write.

Devices repeat themselves: but for the uuid, each poll of one is the same. Whose it is
was found out once, and holds until somebody changes who is served.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import attrs
from aiohttp import web

from pushserver.errors import Unavailable
from pushserver.model.device import Device
from pushserver.model.in_flight import InFlight
from pushserver.protocols.base import (
    DeviceProtocol,
    DeviceRequest,
    RequestKind,
)
from pushserver.services.poll_hold import PollHold
from pushserver.services.polling import PollAnswer
from pushserver.web.device_api import send_command, write_command
from pushserver.web.device_polls import DevicePoll, begin_poll, make_poll
from pushserver.web.draining import MAX_KERNEL_UNSENT
from pushserver.web.fast_request import LaneConnection, LaneRequest
from pushserver.web.middleware import RequestLog, shown_path
from pushserver.web.plain_request import PlainRequest
from pushserver.web.response import SmallResponse, idle_poll_bytes
from pushserver.web.services import Services

#: Polls of so many devices are remembered, none of them longer than so many bytes.
_REMEMBERED_POLLS, _MAX_POLL = 131_072, 512
_UUID = re.compile(rb"[A-Za-z0-9_.~-]{0,512}")


def _split(poll: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what stands before the uuid of a poll, the uuid, and what is behind it."""
    head, mark, rest = poll.partition(b"&uuid=")
    uuid, _, block = rest.partition(b" ")
    # What follows a whole poll that has none is not its uuid.
    return head + mark, uuid, block


@attrs.frozen(eq=False)
class KnownPoll:
    """
    A poll of `device`, which was admitted when it had this `access_version`.

    `block` is what stands behind its uuid. `path` is fit to be shown.
    """

    block: bytes
    device: Device
    access_version: int
    protocol: DeviceProtocol
    key: str | None
    path: str
    log: RequestLog

    def call(self, uuid: str | None) -> DeviceRequest:
        """Return what the poll says, with another uuid."""
        return DeviceRequest(RequestKind.POLL, self.device.identity, self.key, uuid)


@attrs.frozen(eq=False)
class FastPolls:
    """
    Answers polls of devices that were admitted before.

    `_known` has the newest poll of each device by its head, which stands before the
    uuid; `_heads` has that by device.
    """

    services: Services
    _known: dict[bytes, KnownPoll] = attrs.field(factory=dict, init=False)
    _heads: dict[int, bytes] = attrs.field(factory=dict, init=False)

    def take_known(self, data: bytes, connection: LaneConnection) -> bool:
        """Answer a poll that came before, but for its uuid; tell whether it is one."""
        head, uuid, block = _split(data)
        known = self._known.get(head)
        if known is None or known.block != block:
            return False
        device, services = known.device, self.services
        if (
            device.access_version != known.access_version
            or device.address != connection.peer_address
            or not (
                (uuid.isalnum() and len(uuid) <= _MAX_POLL) or _UUID.fullmatch(uuid)
            )
        ):
            return False
        admission, now = services.admission, services.clock.now()
        admission.admit_again(device, now)
        hold = services.default_hold if device.hold is None else device.hold
        is_served = device.requests_in_second <= admission.max_requests
        has_work = not services.store.is_idle(
            device.device_id, now, services.lanes.grace
        )
        if hold == 0 and is_served and not has_work:
            device.was_last_poll_idle = True
            services.counts["polls.idle"] += 1
            connection.write_idle(idle_poll_bytes())
            return True
        connection.begin(b"")
        request = LaneRequest(connection, data, "GET", known.path, known.log)
        call = known.call(uuid.decode() or None)
        if hold == 0 and is_served:
            address, protocol = connection.peer_address, known.protocol
            self._hand_out(
                request,
                make_poll(
                    services, protocol, device, call, address, connection, 0, True
                ),
            )
        else:
            self._serve(request, known, call)
        return True

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
        device = admission.may_admit_again(call.device, call.key, address)
        if device is None or plain.body:
            return False
        admission.admit_again(device, self.services.clock.now())
        path, version = shown_path(plain.path), device.access_version
        head, uuid, block = _split(data[: plain.end])
        known = KnownPoll(block, device, version, protocol, call.key, path, log)
        if plain.end <= _MAX_POLL and uuid.decode() == (call.uuid or ""):
            self._remember(head, known)
        connection.begin(data[plain.end :])
        request = LaneRequest(connection, plain, "GET", path, log)
        self._serve(request, known, call)
        return True

    def _remember(self, head: bytes, known: KnownPoll) -> None:
        """Remember a poll, in place of what its device's polls were like before."""
        if len(self._known) >= _REMEMBERED_POLLS:
            self._known.clear()
            self._heads.clear()
        device_id = known.device.device_id
        self._known.pop(self._heads.get(device_id, b""), None)
        self._heads[device_id], self._known[head] = head, known

    def _serve(
        self, request: LaneRequest, known: KnownPoll, call: DeviceRequest
    ) -> None:
        """Answer the poll of an admitted device."""
        connection, address = request.connection, request.connection.peer_address
        device_poll = begin_poll(
            self.services, known.protocol, known.device, call, address, connection
        )
        if device_poll is None:
            request.answer_idle()
        elif device_poll.has_work:
            self._hand_out(request, device_poll)
        else:
            self.services.holds.release(known.device.device_id)
            self._hold(request, device_poll)

    def _hand_out(self, request: LaneRequest, device_poll: DevicePoll) -> None:
        services = self.services
        services.holds.release(device_poll.device.device_id)
        handing_out = services.lanes.begin_hand_out(device_poll.poll)
        handing_out.add_done_callback(partial(self._take, request, device_poll))

    def _hold(self, request: LaneRequest, device_poll: DevicePoll) -> None:
        """Hold the poll until there is a command."""
        held = HeldRequest(request, device_poll, self._answer)
        request.connection.held = held
        held.begin()

    def _take(
        self,
        request: LaneRequest,
        device_poll: DevicePoll,
        handing_out: asyncio.Future[tuple[InFlight, ...]],
    ) -> None:
        """Answer with what was handed out; if the store is away, that is nothing."""
        error = handing_out.exception()
        is_away = isinstance(error, Unavailable)
        if error is not None and not is_away:
            request.fail(error)
            return
        in_flights = () if is_away else handing_out.result()
        if device_poll.hold <= 0 or in_flights or is_away:
            self._answer(request, device_poll, in_flights)
        else:
            self._hold(request, device_poll)

    def _answer(
        self,
        request: LaneRequest,
        device_poll: DevicePoll,
        in_flights: Sequence[InFlight],
    ) -> None:
        """Answer with commands, if there are any."""
        device_poll.record_end(is_idle=not in_flights)
        if not in_flights:
            self.services.counts["polls.idle"] += 1
            request.answer_idle()
            return
        answer = PollAnswer(in_flights, self.services.polling)
        body = device_poll.render_at_once(answer)
        is_long = body is None or len(body) >= MAX_KERNEL_UNSENT
        if body is None or is_long or not device_poll.may_send(answer):
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


@attrs.define(eq=False)
class HeldRequest:
    """A poll of the lane that is held; `answer` is called with what it gets."""

    request: LaneRequest
    device_poll: DevicePoll
    answer: Callable[[LaneRequest, DevicePoll, Sequence[InFlight]], None]
    _hold: PollHold | None = attrs.field(default=None, init=False)

    def begin(self) -> None:
        """Hold it."""
        poll, hold = self.device_poll.poll, self.device_poll.hold
        polling = self.device_poll.services.polling
        self._hold = polling.begin_hold(poll, hold, self._end)

    def _end(self, in_flights: Sequence[InFlight]) -> None:
        self.request.connection.held = None
        self.answer(self.request, self.device_poll, in_flights)

    def release(self) -> None:
        """Answer it now: its device sends no more."""
        device_poll = self.device_poll
        device_poll.services.holds.release(device_poll.device.device_id)

    def abandon(self) -> None:
        """Hold it no more: its device has gone."""
        self.device_poll.record_lost()
        if self._hold is not None:
            self._hold.abandon()


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
