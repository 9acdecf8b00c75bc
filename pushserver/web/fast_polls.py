"""Polls in the fast lane for which there may be something, now or in a while."""

from collections.abc import Sequence
from functools import partial

from pushserver.model.in_flight import InFlight
from pushserver.services.polling import PollAnswer
from pushserver.web.device_api import send_command
from pushserver.web.device_polls import DevicePoll
from pushserver.web.fast_request import LaneRequest
from pushserver.web.response import SmallResponse, idle_poll_bytes


def answer_poll(request: LaneRequest, device_poll: DevicePoll) -> None:
    """Hand out what waits, or hold the poll until something does."""
    request.connection.held = device_poll if device_poll.hold > 0 else None
    device_poll.begin(partial(_answer, request, device_poll))


def _answer(
    request: LaneRequest, device_poll: DevicePoll, in_flights: Sequence[InFlight]
) -> None:
    """Answer with commands, if there are any."""
    request.connection.held = None
    device_poll.record_end(is_idle=not in_flights)
    if in_flights:
        _send(request, device_poll, in_flights)
        return
    request.connection.write_at_once(idle_poll_bytes())
    request.connection.end_request()


def _send(
    request: LaneRequest, device_poll: DevicePoll, in_flights: Sequence[InFlight]
) -> None:
    """Write the commands; if they are few and in memory, they mostly leave now."""
    polling = device_poll.services.polling
    answer = PollAnswer(in_flights, polling)
    body = device_poll.render_at_once(answer)
    if body is None:
        request.go_on(partial(send_command, device_poll, answer))
        return
    response = SmallResponse(body, content_type=device_poll.protocol.content_type)
    request.connection.write_at_once(response.as_plain())
    if request.connection.has_unsent:
        request.go_on(partial(send_command, device_poll, answer, written=response))
        return
    polling.mark_written(in_flights)
    device_poll.record_sent(answer, request.fields)
    request.record(response.status)
    request.connection.end_request()
