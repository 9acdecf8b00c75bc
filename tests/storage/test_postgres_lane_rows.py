"""The table of lanes lets a server read less, and never anything wrong."""

from collections.abc import Sequence

import pytest

from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import START, ManualClock
from tests.model.factories import at_most_once_command, command
from tests.storage.cluster import ServerPair
from tests.storage.lanes import lane_content, many_commands, stored_lane
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import (
    enqueue_commands,
    expire_overdue,
    get_lane,
    give_up_delivery,
    poll,
    poll_command,
    post_result,
    waiting_ids,
)
from tests.storage.read_counts import count_reads

pytestmark = pytest.mark.only_on("postgres")


async def record_statements(store: PostgresStore, executed: list[str]) -> None:
    """Have what a server's writers execute added to *executed*."""
    for session in store.group_commit.writers:
        await session.run(lambda link: _record_execute(link, executed))


def _record_execute(link: Connection, executed: list[str]) -> None:
    execute = link.execute

    def overheard(sql: str, values: Sequence[object] = ()) -> object:
        executed.append(sql)
        return execute(sql, values)

    link.execute = overheard  # type: ignore[assignment]


async def test_own_lane_is_not_read_again(pair: ServerPair) -> None:
    """A server reads nothing of a lane that it was the last to change."""
    await enqueue_commands(pair.a, *many_commands(3))
    statements: list[str] = []
    await record_statements(pair.a, statements)
    in_flight = await poll(pair.a, uuid="1")
    assert in_flight is not None
    await post_result(pair.a, in_flight)
    await poll(pair.a, uuid="2")
    own = list(statements)
    await waiting_ids(pair.b)
    await expire_overdue(pair.a, START)

    assert own == statements[: len(own)]
    assert not [sql for sql in statements if "FROM command" in sql]


async def test_only_changes_are_read(pair: ServerPair) -> None:
    """Of a long lane a server reads only the changes that are new to it."""
    await enqueue_commands(pair.a, *many_commands(40))
    before = {each.id: each for each in (await get_lane(pair.b)).waiting}
    new = command()
    await enqueue_commands(pair.a, new)
    after = {each.id: each for each in (await get_lane(pair.b)).waiting}

    assert after.keys() == {*before, new.id}
    assert all(after[each] is before[each] for each in before)


async def test_nothing_else_is_read(pair: ServerPair) -> None:
    """When another server changed a long lane, only its changes are read."""
    await enqueue_commands(pair.a, *many_commands(1000))
    await waiting_ids(pair.b)
    in_flight = await poll(pair.a, uuid="1")
    assert in_flight is not None
    await post_result(pair.a, in_flight)
    async with count_reads(pair.b) as count:
        assert 999 == len(await waiting_ids(pair.b))

    assert count.rows < 100


async def test_changelog_is_short(pair: ServerPair) -> None:
    """However many commands are changed, the changelog stays short."""
    await enqueue_commands(pair.a, *many_commands(20))
    await get_lane(pair.b)
    for count in (30, 1, 30, 30, 1, 30, 200, 1, 40, 40):
        await enqueue_commands(pair.a, *many_commands(count))
        [(changelog,)] = await pair.a.background_reader.run(
            lambda link: link.execute("SELECT changelog FROM lane").fetchall()
        )
        is_so = await stored_lane(pair.a)

        assert len(changelog) <= 2000
        assert is_so == lane_content(await get_lane(pair.b))


async def test_empty_lane_is_not_read(pair: ServerPair) -> None:
    """An empty lane is not read, whichever server emptied it."""
    await enqueue_commands(pair.a, command())
    in_flight = await poll(pair.a, uuid="1")
    assert in_flight is not None
    await post_result(pair.a, in_flight)
    statements: list[str] = []
    await record_statements(pair.b, statements)
    await enqueue_commands(pair.b, command())

    assert not [
        sql for sql in statements if "FROM command" in sql or "FROM delivery" in sql
    ]
    assert 1 == len(await waiting_ids(pair.a))


async def test_held_back_elsewhere(location: StoreLocation) -> None:
    """An endpoint that one server holds back is held back by the other one, too."""
    clock = ManualClock()
    async with open_store(location, clock) as a, open_store(location, clock) as b:
        await enqueue_commands(a, at_most_once_command())
        await poll_command(a)
        await give_up_delivery(a, START)
        held = (await get_lane(b)).blocked_endpoints

        assert held.keys() == {"execute_actions"}
        assert held == (await get_lane(a)).blocked_endpoints
