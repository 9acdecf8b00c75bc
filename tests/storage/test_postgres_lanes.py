"""Two servers over one database: each decides on lanes as they are by now."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from random import Random

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.model.turns import cancel
from pushserver.storage.deciding import Past
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.postgres.summaries import Summary, renewal
from pushserver.storage.postgres.times import shift
from pushserver.storage.sql.lanes import load
from tests.clock import START
from tests.model.values import DEVICE, command, once
from tests.model.work import operation
from tests.storage.counting import counting
from tests.storage.deeds import (
    abandon,
    ask,
    call_off,
    enqueue,
    fly,
    flying,
    lane_of,
    report,
    take_back,
    tend,
    waiting,
)
from tests.storage.peers import Pair, opened
from tests.storage.tracked import begin, call_off_operation, forget
from tests.web.site import until

pytestmark = pytest.mark.only_on("postgres")

#: What a lane shows: each command that waits, and what is in flight.
Shown = tuple[list[tuple[int, int, int]], int | None]


def shown(lane: Lane) -> Shown:
    """Return what matters of a lane."""
    rows = [(each.id, each.turns, each.expires_at) for each in lane.waiting]
    return rows, None if lane.flight is None else lane.flight.delivery.id


async def truth(store: PostgresStore) -> Shown:
    """Return the lane as the database has it."""
    lanes = await store.workers.run(lambda link: load(link, [DEVICE], START))
    return shown(lanes.get(DEVICE, Lane(DEVICE)))


def many(count: int) -> list[Command]:
    """Return commands enough for a lane that is not read whole again."""
    return [command(priority=n % 3) for n in range(count)]


async def deed(store: PostgresStore, random: Random) -> None:
    """Do something to the device's lane."""
    flight = await flying(store)
    match random.randrange(6):
        case 0:
            await enqueue(store, *many(random.randrange(1, 12)))
        case 1 if flight is None:
            await ask(store, uuid=str(random.random()))
        case 2 if flight is not None:
            await report(store, flight)
        case 3 if flight is not None:
            await take_back(store, flight)
        case 4 if flight is not None:
            await abandon(store, START)
        case _:
            lane = await lane_of(store)
            if lane.waiting:
                await call_off(store, random.choice(lane.waiting))


@pytest.mark.parametrize("seed", range(3))
async def test_each_sees_what_the_other_did(pair: Pair, seed: int) -> None:
    """Whatever and how much was done, and by whom, both see the lane as it is."""
    random = Random(seed)  # noqa: S311 - it must repeat
    await enqueue(pair.a, *many(30))
    for _ in range(60):
        does = random.choice((pair.a, pair.b))
        for _ in range(random.choice((1, 1, 1, 1, 1, 3, 60))):
            await deed(does, random)
        is_so = await truth(pair.a)

        assert is_so == shown(await lane_of(pair.a)) == shown(await lane_of(pair.b))


async def statements(store: PostgresStore, told: list[str]) -> None:
    """Have what a server's writers execute added to *told*."""
    for session in store.rounds.sessions:
        await session.run(lambda link: _overhear(link, told))


def _overhear(link: Link, told: list[str]) -> None:
    execute = link.execute

    def overheard(sql: str, values: Sequence[object] = ()) -> object:
        told.append(sql)
        return execute(sql, values)

    link.execute = overheard  # type: ignore[assignment]


async def test_own_lane_is_not_read_again(pair: Pair) -> None:
    """A server reads nothing of a lane that it was the last to change."""
    await enqueue(pair.a, *many(3))
    told: list[str] = []
    await statements(pair.a, told)
    flight = await ask(pair.a, uuid="1")
    assert flight is not None
    await report(pair.a, flight)
    await ask(pair.a, uuid="2")
    own = list(told)
    await waiting(pair.b)
    await tend(pair.a, START)

    assert own == told[: len(own)]
    assert not [sql for sql in told if "FROM command" in sql]


async def test_only_changes_are_read(pair: Pair) -> None:
    """Of a long lane a server reads again what is new to it, and not what it has."""
    await enqueue(pair.a, *many(40))
    before = {each.id: each for each in (await lane_of(pair.b)).waiting}
    new = command()
    await enqueue(pair.a, new)
    after = {each.id: each for each in (await lane_of(pair.b)).waiting}

    assert after.keys() == {*before, new.id}
    assert all(after[each] is before[each] for each in before)


async def test_nothing_else_is_read(pair: Pair) -> None:
    """Where another server changed a long lane, what it changed is read, not all."""
    await enqueue(pair.a, *many(1000))
    await waiting(pair.b)
    flight = await ask(pair.a, uuid="1")
    assert flight is not None
    await report(pair.a, flight)
    async with counting(pair.b) as count:
        assert 999 == len(await waiting(pair.b))

    assert count.rows < 100


async def test_trail_is_short(pair: Pair) -> None:
    """However many commands are changed, it takes little to say which."""
    await enqueue(pair.a, *many(20))
    await lane_of(pair.b)
    for count in (30, 1, 30, 30, 1, 30, 200, 1, 40, 40):
        await enqueue(pair.a, *many(count))
        [(trail,)] = await pair.a.workers.run(
            lambda link: link.execute("SELECT trail FROM lane").fetchall()
        )
        is_so = await truth(pair.a)

        assert len(trail) <= 2000
        assert is_so == shown(await lane_of(pair.b))


async def test_empty_lane_is_not_read(pair: Pair) -> None:
    """Where nothing is left, nothing is read, whoever did the last of it."""
    await enqueue(pair.a, command())
    flight = await ask(pair.a, uuid="1")
    assert flight is not None
    await report(pair.a, flight)
    told: list[str] = []
    await statements(pair.b, told)
    await enqueue(pair.b, command())

    assert not [sql for sql in told if "FROM command" in sql or "FROM delivery" in sql]
    assert 1 == len(await waiting(pair.a))


async def test_held_back_elsewhere(database: str) -> None:
    """An endpoint that one server holds back is held back by the other one, too."""
    ahead = START / SECOND - time.time()
    async with opened(database, ahead) as a, opened(database, ahead) as b:
        await enqueue(a, once())
        await fly(a)
        await abandon(a, START)
        held = (await lane_of(b)).blocked

        assert held.keys() == {"execute_actions"}
        assert held == (await lane_of(a)).blocked


async def test_held_back_where_it_is_earlier(database: str) -> None:
    """A server whose clock is ahead ends no hold of one whose clock is not."""
    ahead = START / SECOND - time.time()
    async with opened(database, ahead) as a, opened(database, ahead + 200) as b:
        await enqueue(a, once())
        await fly(a)
        await abandon(a, START)
        await enqueue(b, once())

        assert (await lane_of(a)).blocked.keys() == {"execute_actions"}
        assert not (await lane_of(b)).blocked


async def test_decided_in_vain(pair: Pair) -> None:
    """What was decided and could not be written is forgotten."""
    await enqueue(pair.a, *many(3))
    is_so = await truth(pair.a)

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        call = lane.waiting.pop()
        changes.commands[call.id] = call
        call.stored = None
        changes.add(call)

    with pytest.raises(Unavailable):
        await pair.a.change(DEVICE, decide)

    assert is_so == shown(await lane_of(pair.a))


async def test_nothing_stays_locked(pair: Pair) -> None:
    """When what was decided cannot even be said, the device is free at once."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.added.append(attrs.evolve(command(), order=None))

    with pytest.raises(AssertionError):
        await pair.a.change(DEVICE, decide)
    async with asyncio.timeout(1):
        await enqueue(pair.b, command())


async def test_decision_fails(pair: Pair) -> None:
    """What a decision did before it failed is forgotten."""
    await enqueue(pair.a, *many(3))
    is_so = await truth(pair.a)

    def decide(lane: Lane, _changes: Changes, _past: Past) -> None:
        lane.waiting.clear()
        raise RuntimeError("a fault of ours")

    def other(lane: Lane, changes: Changes, _past: Past) -> None:
        changes.desert(lane)

    calls = pair.a.change(DEVICE, decide), pair.a.change(DEVICE, other)
    (failed, done) = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(failed, RuntimeError)
    assert done is None
    assert is_so == shown(await lane_of(pair.b)) == shown(await lane_of(pair.a))


async def test_clock_jumps(pair: Pair) -> None:
    """Deadlines that one server moves count at the other, which had read them."""
    await enqueue(pair.a, *many(30))
    ends = {each.expires_at for each in (await lane_of(pair.b)).waiting}
    await pair.a.shift(7)

    moved = {each.expires_at for each in (await lane_of(pair.b)).waiting}
    assert {end + 7 for end in ends} == moved
    assert await truth(pair.a) == shown(await lane_of(pair.a))


async def test_clock_jumps_amid_a_decision(pair: Pair) -> None:
    """Deadlines that only this server moved are not believed, whatever it decides."""
    await enqueue(pair.b, *many(3))

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        pair.b.known.shift(7)
        cancel(lane, lane.waiting[0], changes, now=START)

    await pair.b.change(DEVICE, decide)

    assert await truth(pair.a) == shown(await lane_of(pair.b))


async def test_clock_jumps_elsewhere(pair: Pair, database: str) -> None:
    """Deadlines that another server moves amid a decision are as that one says."""
    await enqueue(pair.b, *many(3))

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        with closing(Link(database)) as link:
            link.execute("BEGIN")
            shift(link, 7, START, 1)
            link.execute("COMMIT")
        cancel(lane, lane.waiting[0], changes, now=START)

    await pair.b.change(DEVICE, decide)

    assert await truth(pair.a) == shown(await lane_of(pair.b))
    assert await truth(pair.a) == shown(await lane_of(pair.b))


async def test_clock_jumps_for_a_copy(pair: Pair, database: str) -> None:
    """It is so, too, where commands came by themselves, and no lane is known."""
    await enqueue(pair.a, *many(3))
    await pair.a.workers.run(lambda link: link.execute("DELETE FROM lane"))

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        with closing(Link(database)) as link:
            link.execute("BEGIN")
            shift(link, 7, START, 1)
            link.execute("COMMIT")
        cancel(lane, lane.waiting[0], changes, now=START)

    await pair.b.change(DEVICE, decide)

    assert await truth(pair.a) == shown(await lane_of(pair.b))


async def test_clock_jumps_amid_a_round(pair: Pair, database: str) -> None:
    """A server that writes while another one moves deadlines is not its enemy."""
    await enqueue(pair.a, *many(3))
    renew = renewal([(DEVICE, Summary(1))], {})
    async with opened(database) as other:
        (writer, *_) = other.rounds.sessions
        await writer.run(_begin_to_write)
        moving = asyncio.create_task(pair.a.shift(7))
        await until(lambda: _waits_for_a_lock(pair.b))
        await writer.run(lambda link: link.execute_all(f"{renew} COMMIT"))
        await moving

    assert await truth(pair.a) == shown(await lane_of(pair.a))


def _begin_to_write(link: Link) -> None:
    link.execute_all(
        "SET deadlock_timeout = '10ms'; BEGIN; UPDATE command SET turns = turns"
    )


async def _waits_for_a_lock(by: PostgresStore) -> bool:
    sql = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    return await by.workers.run(lambda link: link.execute(sql).fetchone() is not None)


async def test_operation_is_forgotten(pair: Pair) -> None:
    """A step goes on alone at each server when one of them deletes its operation."""
    of = operation(steps=2)
    await begin(pair.a, of)
    flight = await ask(pair.a, uuid="1")
    assert flight is not None
    await call_off_operation(pair.a, of)
    await lane_of(pair.b)
    await forget(pair.a, of)
    await report(pair.b, flight)

    assert await flying(pair.b) is None


@pytest.mark.proof
async def test_much_is_new(pair: Pair) -> None:
    """However much a server added to a lane, the other one has it at once."""
    await enqueue(pair.a, *many(20))
    await lane_of(pair.b)
    for _ in range(17):
        await enqueue(pair.a, *many(2000))

    assert 34_020 == len(await waiting(pair.b))
