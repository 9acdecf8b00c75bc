"""Decisions: atomic, one after the other, and on disk before they are answered."""

import asyncio
from collections.abc import Callable

import attrs
import pytest

from pushserver.errors import Conflict
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.transitions import enqueue
from pushserver.storage.base import Store
from pushserver.storage.change_feed import ChangeKind
from pushserver.storage.commands import Lookup, PriorState
from tests.clock import START
from tests.model.factories import DEVICE, GRACE, at_most_once_command, command, result
from tests.storage.notice_recorder import record_notices
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    poll,
    poll_command,
    post_result,
    try_cancel,
    waiting_ids,
)


def adding(*commands: Command) -> Callable[[Lane, Changes, PriorState], str]:
    """Return a decision that adds commands."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> str:
        for one in commands:
            enqueue(lane, one, changes)
        return "added"

    return decide


async def test_value(store: Store) -> None:
    """A decision's value is returned when its changes are stored."""
    queued = command()

    assert "added" == await store.change_lane(DEVICE, adding(queued))
    assert CommandState.PENDING is (await command_record(store, queued)).command.state
    assert [queued.id] == await waiting_ids(store)


async def test_nothing_decided(store: Store) -> None:
    """A decision may find that there is nothing to do."""
    assert 7 == await store.change_lane(DEVICE, lambda _lane, _changes, _prior: 7)
    assert store.cached_lane(DEVICE) is None


async def test_all_or_nothing(store: Store) -> None:
    """Of commands that are decided together all are stored, or none."""
    first = command()
    duplicate = command(id=first.id)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await enqueue_commands(store, first, duplicate)

    assert await store.find_command(DEFAULT_SCOPE_ID, first.id) is None
    assert [] == await waiting_ids(store)


async def test_raising(store: Store) -> None:
    """An exception in a decision is raised to its caller alone, and changes nothing."""
    queued = command()

    def refuse(_lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        raise Conflict("Not like this.")

    def break_down(_lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        raise ZeroDivisionError

    outcomes = await asyncio.gather(
        store.change_lane(DEVICE, refuse),
        store.change_lane(DEVICE, adding(queued)),
        store.change_lane(DEVICE + 1, break_down),
        store.change_lane(DEVICE + 2, refuse),
        return_exceptions=True,
    )

    assert [Conflict, str, ZeroDivisionError, Conflict] == [
        type(one) for one in outcomes
    ]
    assert [queued.id] == await waiting_ids(store)
    assert 1 == await store.change_lane(DEVICE + 1, lambda _lane, _changes, _prior: 1)


async def test_many_at_once_for_a_new_device(store: Store) -> None:
    """Decisions that share a commit may find nothing to do, all of them."""
    polls = [
        store.change_lane(DEVICE, lambda _lane, _changes, _prior: 1) for _ in range(5)
    ]

    assert [1] * 5 == await asyncio.gather(*polls)
    assert "added" == await store.change_lane(DEVICE, adding(command()))


async def test_twenty_racers(store: Store) -> None:
    """Of twenty polls at once one gets the command."""
    await enqueue_commands(store, at_most_once_command())

    deliveries = await asyncio.gather(*(poll(store, uuid=f"u{n}") for n in range(20)))

    winners = [in_flight for in_flight in deliveries if in_flight is not None]
    assert 1 == len(winners)
    record = await command_record(store, winners[0].command)
    assert (1, 1) == (record.command.attempts, len(record.deliveries))


async def test_twenty_cancels(store: Store) -> None:
    """Of twenty cancels at once one wins."""
    queued = command()
    await enqueue_commands(store, queued)

    outcomes = await asyncio.gather(*(try_cancel(store, queued) for _ in range(20)))

    assert 1 == sum(outcomes)
    assert CommandState.CANCELED is (await command_record(store, queued)).command.state


async def test_cancel_or_deliver(store: Store) -> None:
    """A command is canceled or handed out, and never both."""
    for _ in range(20):
        queued = at_most_once_command()
        await enqueue_commands(store, queued)
        canceled, in_flight = await asyncio.gather(
            try_cancel(store, queued), poll(store)
        )

        assert canceled == (in_flight is None)
        if in_flight is not None:
            await post_result(store, in_flight)


async def test_second_sees_the_first(store: Store) -> None:
    """Of two decisions in one commit the second sees what the first decided."""
    seen: list[list[int]] = []

    def observe(lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        seen.append([c.id for c in lane.waiting])

    queued = command()
    await asyncio.gather(
        store.change_lane(DEVICE, observe),
        store.change_lane(DEVICE, adding(queued)),
        store.change_lane(DEVICE, observe),
    )

    assert [[], [queued.id]] == seen


async def test_whole_life_in_one_commit(store: Store) -> None:
    """
    A command that is added, handed out, given up and answered in one commit is stored
    in its last state.
    """
    queued = command()
    _, in_flight, again = await asyncio.gather(
        store.change_lane(DEVICE, adding(queued)),
        poll(store, uuid="u1"),
        poll(store, START + GRACE, uuid="u2"),
    )
    assert isinstance(in_flight, InFlight)
    assert isinstance(again, InFlight)
    came = await post_result(store, in_flight, START + GRACE + 1)

    record = await command_record(store, queued)

    assert (CommandState.SUCCESSFUL, 2, came) == (
        record.command.state,
        record.command.attempts,
        record.result,
    )
    assert ["successful", "closed"] == [d.outcome for d in record.deliveries]


async def test_many_in_one_commit(store: Store) -> None:
    """Of many decisions that share a commit each gets its own answer."""
    commands = [
        at_most_once_command(device_id=n, priority=n % 7) for n in range(1, 180)
    ]
    await asyncio.gather(*(enqueue_commands(store, one) for one in commands))
    polls = (poll(store, START + n, uuid=f"u{n}", device=n) for n in range(1, 180))
    deliveries = [in_flight for in_flight in await asyncio.gather(*polls) if in_flight]
    came = await asyncio.gather(
        *(
            post_result(store, in_flight, START + 1000 + n, failed=n % 2 == 0)
            for n, in_flight in enumerate(deliveries, 1)
        )
    )

    for n, (one, its) in enumerate(zip(commands, came, strict=True), 1):
        record = await command_record(store, one)
        (delivery,) = record.deliveries
        assert (n, n % 7, f"u{n}", START + n, START + 1000 + n, its) == (
            record.command.device_id,
            record.command.priority,
            delivery.uuid,
            record.command.sent_at,
            delivery.ended_at,
            record.result,
        )
        assert (
            CommandState.SUCCESSFUL if n % 2 else CommandState.FAILED
        ) is record.command.state


async def test_lanes_are_apart(store: Store) -> None:
    """A decision for one device does not touch another."""
    mine, other = command(), command(device_id=5)
    await asyncio.gather(
        store.change_lane(DEVICE, adding(mine)), store.change_lane(5, adding(other))
    )

    assert ([mine.id], [other.id]) == (
        await waiting_ids(store),
        await waiting_ids(store, 5),
    )


async def test_prior_state_of_each(store: Store) -> None:
    """In one commit each decision gets the prior state that it asked for."""
    queued = command()
    await enqueue_commands(store, queued)
    await poll_command(store, uuid="u1")

    def uuid_of(_lane: Lane, _changes: Changes, prior: PriorState) -> str | None:
        return prior.by_uuid.delivery.uuid if prior.by_uuid else None

    outcomes = await asyncio.gather(
        store.change_lane(DEVICE, uuid_of),
        store.change_lane(DEVICE, uuid_of, Lookup(delivery_uuid="u1")),
        store.change_lane(5, uuid_of, Lookup(delivery_uuid="u1")),
        store.change_lane(DEVICE, uuid_of, Lookup(delivery_uuid="u2")),
    )

    assert (None, "u1", None, None) == tuple(outcomes)


async def test_canceled_before(store: Store) -> None:
    """A caller who is gone before its turn decides nothing."""
    waiting = asyncio.ensure_future(store.change_lane(DEVICE, adding(command())))
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await add_results(store, result())

    assert [] == await waiting_ids(store)


@attrs.define
class CanceledCaller:
    """A caller who goes away in the middle of its decision."""

    store: Store
    reported: list[tuple[bool, bool]] = attrs.Factory(list)
    task: "asyncio.Task[str] | None" = None

    async def call(self, command: Command) -> str:
        """Add a command and wait for the answer."""
        return await self.store.change_lane(
            DEVICE, self.decide(command), on_done=self.on_done
        )

    def decide(self, queued: Command) -> Callable[[Lane, Changes, PriorState], str]:
        """Cancel the caller, then add the command."""

        def decision(lane: Lane, changes: Changes, prior: PriorState) -> str:
            assert self.task is not None
            self.task.cancel()
            return adding(queued)(lane, changes, prior)

        return decision

    def on_done(self, is_committed: bool, is_waiting: bool) -> None:
        """Note what became of it."""
        self.reported.append((is_committed, is_waiting))


async def test_canceled_amid(store: Store) -> None:
    """
    Canceling a caller midway does no harm: its change is made, and `on_done` called.
    """
    gone, queued = CanceledCaller(store), command()
    gone.task = asyncio.create_task(gone.call(queued))

    with pytest.raises(asyncio.CancelledError):
        await gone.task
    other = command()
    await enqueue_commands(store, other)

    assert [(True, False)] == gone.reported
    assert [queued.id, other.id] == await waiting_ids(store)
    assert await store.find_command(DEFAULT_SCOPE_ID, queued.id) is not None


async def test_then(store: Store) -> None:
    """`on_done` is told that it is on disk, and whether the caller still waits."""
    outcomes: list[tuple[bool, bool]] = []

    await store.change_lane(
        DEVICE,
        adding(command()),
        on_done=lambda *outcome: outcomes.append(outcome),
    )

    assert [(True, True)] == outcomes


async def test_published(store: Store) -> None:
    """A commit is published before whoever asked for it hears of it."""
    notices = record_notices(store).notices
    order: list[str] = []
    store.feed.subscribe(ChangeKind.WAITING, lambda _notice: order.append("published"))

    await store.change_lane(
        DEVICE, adding(command()), on_done=lambda *_: order.append("done")
    )

    assert ["published", "done"] == order
    assert [{DEVICE}] == [notice.waiting for notice in notices]


async def test_published_by_kind(store: Store) -> None:
    """A commit tells who may get a command, what has ended, and where results are."""
    notices = record_notices(store).notices
    queued = command()
    await enqueue_commands(store, queued)
    in_flight = await poll_command(store)
    await enqueue_commands(store, command())
    await post_result(store, in_flight)

    first, last = notices
    assert ({DEVICE}, set(), set()) == (first.waiting, first.over, first.results)
    assert ({DEVICE}, {queued.id}) == (last.waiting, last.over)
    assert {DEFAULT_SCOPE_ID} == last.results


async def test_not_published(store: Store) -> None:
    """A subscriber is not called for what has nothing of its kind."""
    called: list[object] = []
    store.feed.subscribe(ChangeKind.RESULTS, called.append)
    await enqueue_commands(store, command())

    assert [] == called


async def test_no_half_done_work(store: Store) -> None:
    """A concurrent reader sees all of a decision, or nothing of it."""
    groups = [[command(device_id=n) for _ in range(50)] for n in range(20)]
    writing = asyncio.gather(*(enqueue_commands(store, *group) for group in groups))
    partly = []

    for _ in range(200):
        for group in groups[::7]:
            last = await store.find_command(DEFAULT_SCOPE_ID, group[-1].id)
            first = await store.find_command(DEFAULT_SCOPE_ID, group[0].id)
            partly.append(last is not None and first is None)
            first = await store.find_command(DEFAULT_SCOPE_ID, group[0].id)
            last = await store.find_command(DEFAULT_SCOPE_ID, group[-1].id)
            partly.append(first is not None and last is None)
        if writing.done():
            break
    await writing

    assert not any(partly)
    assert 1000 == len(
        [c for g in groups for c in g if c.stored_state is CommandState.PENDING]
    )


async def test_acts_on_what_is_stored(store: Store) -> None:
    """A command knows the state that the store has confirmed."""
    queued = command()
    assert queued.stored_state is None

    await enqueue_commands(store, queued)
    assert CommandState.PENDING is queued.stored_state

    in_flight = await poll_command(store)
    assert (CommandState.SENT, True) == (
        in_flight.command.stored_state,
        in_flight.delivery.stored,
    )
