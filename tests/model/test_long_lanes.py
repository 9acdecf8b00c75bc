"""A lane with very many commands takes no longer than others should wait."""

from collections.abc import Callable
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.model.transitions import apply_deadlines, enqueue, enqueue_all
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE, end_waiting, withdraw
from tests.clock import START
from tests.growth import is_linear, seconds_for
from tests.model.factories import GRACE, command, lane_with, new_id, poll_command

LATER = START + 1000 * SECOND


def long_lane(**fields: Any) -> tuple[Lane, list[Command]]:
    """Return a lane in which very many commands wait."""
    commands = [command(**fields) for _ in range(50_000)]
    lane = Lane(1, commands.copy())
    return lane, commands


def changes(now: int = START) -> Changes:
    """Return changes in which nothing has changed yet."""
    return Changes(new_id, now)


def test_idle_polls() -> None:
    """A thousand polls for which nothing is ready look at the lane once."""
    lane, _ = long_lane(not_before=LATER)
    first = seconds_for(lambda: lane.is_idle(START, GRACE))

    more = seconds_for(lambda: [lane.is_idle(START, GRACE) for _ in range(1000)])

    assert more < first
    assert lane.is_idle(LATER - 1, GRACE)
    assert not lane.is_idle(LATER, GRACE)


def test_depths() -> None:
    """A thousand lists of devices count the lane once, until it changes."""
    lane, (first, *_) = long_lane()
    once = seconds_for(lambda: lane.depth_in_scope(first.scope_id))

    more = seconds_for(lambda: [lane.depth_in_scope(1) for _ in range(1000)])

    assert more < once
    lane.insert(command())
    assert 50_001 == lane.depth_in_scope(first.scope_id)
    lane.remove_waiting([first])
    assert 50_000 == lane.depth_in_scope(first.scope_id)
    assert 0 == lane.depth_in_scope(first.scope_id + 1)


def test_ended_from_the_end() -> None:
    """Whoever ends the last of very many leaves the others alone."""
    lane, commands = long_lane()

    some = seconds_for(lambda: end_waiting(lane, commands[-9:], changes(), now=START))

    assert some < seconds_for(lambda: [each.id for each in commands])
    assert commands[:-9] == lane.waiting


@pytest.mark.parametrize("chosen", [[0], [2], [0, 2], [1], [0, 1, 2], []])
def test_the_right_ones_are_removed(chosen: list[int]) -> None:
    """Those that are named go, whatever their priority; the others stay in order."""
    commands = [command(priority=priority) for priority in (5, 5, 1)]
    lane = lane_with(*commands)

    lane.remove_waiting([commands[index] for index in chosen])

    assert [c for i, c in enumerate(commands) if i not in chosen] == lane.waiting


def test_a_change_is_seen() -> None:
    """What is enqueued, taken back or released counts with the next poll."""
    later = command(not_before=LATER)
    lane = lane_with(later)
    assert lane.is_idle(START, GRACE)

    soon = command()
    enqueue(lane, soon, changes())
    assert not lane.is_idle(START, GRACE)

    withdraw(lane, soon, changes(), now=START)
    assert lane.is_idle(START, GRACE)
    assert [later] == lane.waiting


@pytest.mark.parametrize("excess", [0, 1])
def test_expiry_in_parts(excess: int) -> None:
    """One commit expires so many commands, and tells that there are more."""
    commands = [
        command(expires_at=START + 1) for _ in range(MAX_ENDED_AT_ONCE + excess)
    ]
    lane, commit = lane_with(*commands), changes(START + 1)

    assert bool(excess) == apply_deadlines(lane, commit, now=START + 1)

    assert excess == lane.depth
    assert MAX_ENDED_AT_ONCE == len(commit.transitions)
    assert bool(excess) == apply_deadlines(lane, commit, now=START + 1)
    assert not apply_deadlines(lane, changes(START + 1), now=START + 1)
    assert 0 == lane.depth


def test_a_poll_behind_what_is_overdue() -> None:
    """A poll gets what is ready behind more overdue commands than it may end."""
    overdue = [command(expires_at=START + 1) for _ in range(MAX_ENDED_AT_ONCE + 1)]
    ready = command()
    lane = lane_with(*overdue, ready)

    assert ready is poll_command(lane, START + 1).command

    assert overdue[-1:] == lane.waiting
    assert CommandState.PENDING is overdue[-1].state


def test_many_take_many_places() -> None:
    """Many that come at once replace as many; each key's last one is left to wait."""

    def work(size: int) -> Callable[[], object]:
        def supersede() -> None:
            lane = Lane(1)
            for _ in range(2):
                commands = [command(supersede_key=f"{i}") for i in range(size)]
                commands += [command(supersede_key="one") for _ in range(9)]
                enqueue_all(lane, commands, changes())
            assert size + 1 == lane.depth

        return supersede

    assert is_linear(work, 1000)
