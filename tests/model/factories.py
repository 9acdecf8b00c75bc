"""Values that tests start from; each takes what matters to the test."""

from typing import Any

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, Result
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.ids import IdGenerator
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.order import Order
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.transitions import enqueue, hand_out
from tests.clock import START

#: The device of most tests: an id beyond 2^53.
DEVICE = 6613047045004349123
GRACE = 5 * SECOND
TIMEOUT = 180 * SECOND
DAY = 86_400 * SECOND

# However many a run makes, none is of later than the clock that stores are given.
new_id = IdGenerator(lambda: START - 600_000_000)


def order(endpoint: str = "load_objects", **overrides: Any) -> Order:
    """Return an order such as most programs send."""
    defaults = {
        "verb": "POST",
        "body": '{"object":"users"}',
        "content_type": "application/json",
        "query_string": None,
    }
    return Order(endpoint=endpoint, **{**defaults, **overrides})


def command(endpoint: str = "load_objects", **overrides: Any) -> Command:
    """Return a new command, handed out again when no answer comes."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "scope_id": DEFAULT_SCOPE_ID,
        "device_id": DEVICE,
        "priority": 0,
        "guarantee": DeliveryGuarantee.AT_LEAST_ONCE,
        "max_attempts": 5,
        "response_timeout": TIMEOUT,
        "slow": False,
        "created_at": START,
        "not_before": None,
        "expires_at": START + DAY,
        "order": order(endpoint),
    }
    return Command(endpoint=endpoint, **{**defaults, **overrides})


def at_most_once_command(
    endpoint: str = "execute_actions", **overrides: Any
) -> Command:
    """Return a new command that is never handed out twice."""
    return command(
        endpoint, **{"guarantee": DeliveryGuarantee.AT_MOST_ONCE, **overrides}
    )


def delivery(of: Command, **overrides: Any) -> Delivery:
    """Return a delivery of the command *of*."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "command_id": of.id,
        "device_id": of.device_id,
        "uuid": None,
        "address": "192.0.2.7",
        "sent_at": START,
    }
    return Delivery(**{**defaults, **overrides})


def result(**overrides: Any) -> Result:
    """Return a result as it came; an orphan unless *overrides* says otherwise."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "scope_id": DEFAULT_SCOPE_ID,
        "device_id": DEVICE,
        "command_id": None,
        "delivery_id": None,
        "matched_by": None,
        "uuid": None,
        "endpoint": None,
        "received_at": START,
        "content_type": "application/json",
        "content_encoding": None,
        "complete": True,
        "body": b'{"response":{}}',
    }
    return Result(**{**defaults, **overrides})


def lane_with(*commands: Command) -> Lane:
    """Return a lane in which *commands* wait."""
    lane = Lane(DEVICE)
    for one in commands:
        enqueue(lane, one, Changes(new_id, START))
    return lane


def poll_lane(
    lane: Lane,
    now: int,
    *,
    polled_at: int | None = None,
    uuid: str | None = None,
    changes: Changes | None = None,
    grace: int = GRACE,
) -> InFlight | None:
    """Let the lane's device poll at *now*, or have it polled before."""
    answer = hand_out(
        lane,
        lambda of, _id, at: delivery(of, uuid=uuid, sent_at=at),
        Changes(new_id, START) if changes is None else changes,
        now=now,
        polled_at=now if polled_at is None else polled_at,
        grace=grace,
    )
    return answer[0] if answer else None


def state_of(one: Command) -> CommandState:
    """
    Return a command's state; a fresh read, so that type checkers do not narrow it.
    """
    return one.state


def poll_command(lane: Lane, now: int = START, *, uuid: str | None = None) -> InFlight:
    """Let the device poll; it must get a command."""
    in_flight = poll_lane(lane, now, uuid=uuid)
    assert in_flight is not None
    return in_flight


def parsed_result(failed: bool) -> ParsedResult:
    """Return a parsed result: a failure, or an empty success."""
    return ParsedResult(error=b'"no"' if failed else None)
