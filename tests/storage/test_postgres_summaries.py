"""What the table of lanes says: who believes it reads less, and nothing else."""

import time
from collections.abc import Sequence

import pytest

from pushserver.clock import SECOND
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import START
from tests.model.values import command, once
from tests.storage.counting import counting
from tests.storage.deeds import (
    abandon,
    ask,
    enqueue,
    fly,
    lane_of,
    report,
    tend,
    waiting,
)
from tests.storage.lanes import many, shown, truth
from tests.storage.peers import Pair, opened

pytestmark = pytest.mark.only_on("postgres")


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
