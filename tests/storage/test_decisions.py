"""Decisions: atomic, one after the other, and true when they are told."""

import asyncio
from collections.abc import Callable

import attrs
import pytest

from pushserver.errors import Conflict
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.lane import Flight, Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.turns import add
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from tests.clock import START
from tests.model.values import DEVICE, GRACE, command, once, result
from tests.storage.deeds import (
    ask,
    call_off,
    enqueue,
    fly,
    post,
    record_of,
    report,
    waiting,
)


def adding(*commands: Command) -> Callable[[Lane, Changes, Past], str]:
    """Return a decision that adds commands."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> str:
        for one in commands:
            add(lane, one, changes)
        return "added"

    return decide


async def test_value(store: Store) -> None:
    """A decision's value is returned when what it decided is kept."""
    wanted = command()

    assert "added" == await store.change(DEVICE, adding(wanted))
    assert State.PENDING is (await record_of(store, wanted)).command.state
    assert [wanted.id] == await waiting(store)


async def test_nothing_decided(store: Store) -> None:
    """A decision may find that there is nothing to do."""
    assert 7 == await store.change(DEVICE, lambda _lane, _changes, _past: 7)
    assert store.lane(DEVICE) is None


async def test_all_or_nothing(store: Store) -> None:
    """Of commands that are decided together all are kept, or none."""
    first = command()
    twin = command(id=first.id)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await enqueue(store, first, twin)

    assert await store.find_command(FIRST_SCOPE, first.id) is None
    assert [] == await waiting(store)


async def test_raising(store: Store) -> None:
    """What a decision raises is raised to its caller alone, and changes nothing."""
    wanted = command()

    def refuse(_lane: Lane, _changes: Changes, _past: Past) -> None:
        raise Conflict("Not like this.")

    def break_down(_lane: Lane, _changes: Changes, _past: Past) -> None:
        raise ZeroDivisionError

    said = await asyncio.gather(
        store.change(DEVICE, refuse),
        store.change(DEVICE, adding(wanted)),
        store.change(DEVICE + 1, break_down),
        store.change(DEVICE + 2, refuse),
        return_exceptions=True,
    )

    assert [Conflict, str, ZeroDivisionError, Conflict] == [type(one) for one in said]
    assert [wanted.id] == await waiting(store)
    assert 1 == await store.change(DEVICE + 1, lambda _lane, _changes, _past: 1)


async def test_many_at_once_for_a_new_device(store: Store) -> None:
    """Decisions that share a commit may find nothing to do, all of them."""
    asked = [store.change(DEVICE, lambda _lane, _changes, _past: 1) for _ in range(5)]

    assert [1] * 5 == await asyncio.gather(*asked)
    assert "added" == await store.change(DEVICE, adding(command()))


async def test_twenty_racers(store: Store) -> None:
    """Of twenty polls at once one gets the command."""
    await enqueue(store, once())

    flights = await asyncio.gather(*(ask(store, uuid=f"u{n}") for n in range(20)))

    winners = [flight for flight in flights if flight is not None]
    assert 1 == len(winners)
    record = await record_of(store, winners[0].command)
    assert (1, 1) == (record.command.attempts, len(record.deliveries))


async def test_twenty_cancels(store: Store) -> None:
    """Of twenty cancels at once one wins."""
    wanted = command()
    await enqueue(store, wanted)

    said = await asyncio.gather(*(call_off(store, wanted) for _ in range(20)))

    assert 1 == sum(said)
    assert State.CANCELED is (await record_of(store, wanted)).command.state


async def test_cancel_or_hand_out(store: Store) -> None:
    """A command is canceled or handed out, and never both."""
    for _ in range(20):
        wanted = once()
        await enqueue(store, wanted)
        canceled, flight = await asyncio.gather(call_off(store, wanted), ask(store))

        assert canceled == (flight is None)
        if flight is not None:
            await report(store, flight)


async def test_second_sees_the_first(store: Store) -> None:
    """Of two decisions in one commit the second sees what the first decided."""
    seen: list[list[int]] = []

    def look(lane: Lane, _changes: Changes, _past: Past) -> None:
        seen.append([c.id for c in lane.waiting])

    wanted = command()
    await asyncio.gather(
        store.change(DEVICE, look),
        store.change(DEVICE, adding(wanted)),
        store.change(DEVICE, look),
    )

    assert [[], [wanted.id]] == seen


async def test_whole_life_in_one_commit(store: Store) -> None:
    """What is added, handed out, given up and answered at once is kept in the end."""
    wanted = command()
    _, flight, again = await asyncio.gather(
        store.change(DEVICE, adding(wanted)),
        ask(store, uuid="u1"),
        ask(store, START + GRACE, uuid="u2"),
    )
    assert isinstance(flight, Flight)
    assert isinstance(again, Flight)
    came = await report(store, flight, START + GRACE + 1)

    record = await record_of(store, wanted)

    assert (State.SUCCESSFUL, 2, came) == (
        record.command.state,
        record.command.attempts,
        record.result,
    )
    assert ["successful", "closed"] == [d.outcome for d in record.deliveries]


async def test_many_in_one_commit(store: Store) -> None:
    """Of many that share their commits each keeps what is its own."""
    commands = [once(device_id=n, priority=n % 7) for n in range(1, 180)]
    await asyncio.gather(*(enqueue(store, one) for one in commands))
    asked = (ask(store, START + n, uuid=f"u{n}", device=n) for n in range(1, 180))
    flights = [flight for flight in await asyncio.gather(*asked) if flight]
    came = await asyncio.gather(
        *(
            report(store, flight, START + 1000 + n, failed=n % 2 == 0)
            for n, flight in enumerate(flights, 1)
        )
    )

    for n, (one, its) in enumerate(zip(commands, came, strict=True), 1):
        record = await record_of(store, one)
        (delivery,) = record.deliveries
        assert (n, n % 7, f"u{n}", START + n, START + 1000 + n, its) == (
            record.command.device_id,
            record.command.priority,
            delivery.uuid,
            record.command.sent_at,
            delivery.ended_at,
            record.result,
        )
        assert (State.SUCCESSFUL if n % 2 else State.FAILED) is record.command.state


async def test_lanes_are_apart(store: Store) -> None:
    """What is decided for one device does not touch another."""
    mine, other = command(), command(device_id=5)
    await asyncio.gather(
        store.change(DEVICE, adding(mine)), store.change(5, adding(other))
    )

    assert ([mine.id], [other.id]) == (await waiting(store), await waiting(store, 5))


async def test_past_of_each(store: Store) -> None:
    """In one commit each decision is told the past that it asked for."""
    wanted = command()
    await enqueue(store, wanted)
    await fly(store, uuid="u1")

    def uuid_of(_lane: Lane, _changes: Changes, past: Past) -> str | None:
        return past.by_uuid.delivery.uuid if past.by_uuid else None

    said = await asyncio.gather(
        store.change(DEVICE, uuid_of),
        store.change(DEVICE, uuid_of, Recall(uuid="u1")),
        store.change(5, uuid_of, Recall(uuid="u1")),
        store.change(DEVICE, uuid_of, Recall(uuid="u2")),
    )

    assert (None, "u1", None, None) == tuple(said)


async def test_canceled_before(store: Store) -> None:
    """A caller who is gone before its turn decides nothing."""
    task = asyncio.create_task(store.change(DEVICE, adding(command())))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await post(store, result())

    assert [] == await waiting(store)


@attrs.define
class Gone:
    """A caller who goes away in the middle of its decision."""

    store: Store
    told: list[tuple[str | None, bool]] = attrs.Factory(list)
    task: "asyncio.Task[str] | None" = None

    async def call(self, wanted: Command) -> str:
        """Add a command and hear of it."""
        return await self.store.change(DEVICE, self.decide(wanted), then=self.hear)

    def decide(self, wanted: Command) -> Callable[[Lane, Changes, Past], str]:
        """Cancel the caller, then add the command."""

        def decision(lane: Lane, changes: Changes, past: Past) -> str:
            assert self.task is not None
            self.task.cancel()
            return adding(wanted)(lane, changes, past)

        return decision

    def hear(self, value: str | None, heard: bool) -> None:
        """Note what became of it."""
        self.told.append((value, heard))


async def test_canceled_amid(store: Store) -> None:
    """A caller who goes away amid does no harm: it is done, and `then` hears it."""
    gone, wanted = Gone(store), command()
    gone.task = asyncio.create_task(gone.call(wanted))

    with pytest.raises(asyncio.CancelledError):
        await gone.task
    other = command()
    await enqueue(store, other)

    assert [("added", False)] == gone.told
    assert [wanted.id, other.id] == await waiting(store)
    assert await store.find_command(FIRST_SCOPE, wanted.id) is not None


async def test_then(store: Store) -> None:
    """`then` hears the value first, and whether the caller waits for it."""
    told: list[tuple[str | None, bool]] = []

    value = await store.change(
        DEVICE, adding(command()), then=lambda v, heard: told.append((v, heard))
    )

    assert [(value, True)] == told


async def test_watched(store: Store) -> None:
    """Who watches is told of every commit, before whoever asked for it."""
    seen: list[int] = []
    store.watch(lambda changes: seen.extend(c.id for c in changes.added))
    store.watch(lambda changes: seen.extend(m.command.id for m in changes.moves))
    wanted = command()

    await enqueue(store, wanted)
    assert [wanted.id] == seen

    await fly(store)
    assert [wanted.id] * 2 == seen


async def test_no_half_done_work(store: Store) -> None:
    """Who reads meanwhile sees all of a decision, or nothing of it."""
    groups = [[command(device_id=n) for _ in range(50)] for n in range(20)]
    writing = asyncio.gather(*(enqueue(store, *group) for group in groups))
    partly = []

    for _ in range(200):
        for group in groups[::7]:
            last = await store.find_command(FIRST_SCOPE, group[-1].id)
            first = await store.find_command(FIRST_SCOPE, group[0].id)
            partly.append(last is not None and first is None)
            first = await store.find_command(FIRST_SCOPE, group[0].id)
            last = await store.find_command(FIRST_SCOPE, group[-1].id)
            partly.append(first is not None and last is None)
        if writing.done():
            break
    await writing

    assert not any(partly)
    assert 1000 == len([c for g in groups for c in g if c.stored is State.PENDING])


async def test_acts_on_what_is_stored(store: Store) -> None:
    """A command knows the state that the store has confirmed."""
    wanted = command()
    assert wanted.stored is None

    await enqueue(store, wanted)
    assert State.PENDING is wanted.stored

    flight = await fly(store)
    assert (State.SENT, True) == (flight.command.stored, flight.delivery.stored)
