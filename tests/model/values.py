"""Values that tests start from; each takes what matters to the test."""

from typing import Any

from pushserver.clock import SECOND
from pushserver.model.catalogue import Delivery
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut, Order, Result
from pushserver.model.ids import IdSource
from pushserver.model.lane import Flight, Lane
from pushserver.model.reading import Reading
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.turns import add, hand_out
from tests.clock import START

#: The device of most tests: an id beyond 2^53.
DEVICE = 6613047045004349123
GRACE = 5 * SECOND
TIMEOUT = 180 * SECOND
DAY = 86_400 * SECOND

# However many a run makes, none is of later than the clock that stores are given.
new_id = IdSource(lambda: START - 600_000_000)


def order(endpoint: str = "load_objects", **given: Any) -> Order:
    """Return an order as most programs give it."""
    usual = {
        "verb": "POST",
        "body": '{"object":"users"}',
        "content_type": "application/json",
        "query_string": None,
    }
    return Order(endpoint=endpoint, **{**usual, **given})


def command(endpoint: str = "load_objects", **given: Any) -> Command:
    """Return a new command, handed out again when no answer comes."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "scope_id": FIRST_SCOPE,
        "device_id": DEVICE,
        "priority": 0,
        "delivery": Delivery.AT_LEAST_ONCE,
        "max_attempts": 5,
        "response_timeout": TIMEOUT,
        "slow": False,
        "created_at": START,
        "not_before": None,
        "expires_at": START + DAY,
        "order": order(endpoint),
    }
    return Command(endpoint=endpoint, **{**usual, **given})


def once(endpoint: str = "execute_actions", **given: Any) -> Command:
    """Return a new command that is never handed out twice."""
    return command(endpoint, **{"delivery": Delivery.AT_MOST_ONCE, **given})


def delivery(of: Command, **given: Any) -> HandOut:
    """Return a delivery of the command *of*."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "command_id": of.id,
        "device_id": of.device_id,
        "uuid": None,
        "address": "192.0.2.7",
        "sent_at": START,
    }
    return HandOut(**{**usual, **given})


def result(**given: Any) -> Result:
    """Return a result as it came; an orphan unless *given* says otherwise."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "scope_id": FIRST_SCOPE,
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
    return Result(**{**usual, **given})


def lane_of(*commands: Command) -> Lane:
    """Return a lane in which *commands* wait."""
    lane = Lane(DEVICE)
    for one in commands:
        add(lane, one, Changes(new_id))
    return lane


def poll(
    lane: Lane,
    now: int,
    *,
    uuid: str | None = None,
    changes: Changes | None = None,
    grace: int = GRACE,
) -> Flight | None:
    """Let the lane's device poll at *now*."""
    return hand_out(
        lane,
        lambda of: delivery(of, uuid=uuid, sent_at=now),
        Changes(new_id) if changes is None else changes,
        now=now,
        grace=grace,
    )


def state_of(one: Command) -> State:
    """Return where a command stands now; asked anew, for those who check types."""
    return one.state


def fly(lane: Lane, now: int = START, *, uuid: str | None = None) -> Flight:
    """Let the device poll; it must be given something."""
    flight = poll(lane, now, uuid=uuid)
    assert flight is not None
    return flight


def said(failed: bool) -> Reading:
    """Return what a device said: that it failed, or nothing."""
    return Reading(error=b'"no"' if failed else None)
