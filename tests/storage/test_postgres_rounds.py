"""Rounds over PostgreSQL: what is asked from the event loop, and what shares one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import closing

import attrs
import psycopg
import pytest
from psycopg.pq.abc import PGconn

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.model.transitions import enqueue
from pushserver.storage.commands import PriorState
from pushserver.storage.postgres.commit.group_commit import is_worth_a_round
from pushserver.storage.postgres.commit.transaction import send_pipeline
from pushserver.storage.postgres.connection.arrays import text_array_literal
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.store import PostgresStore
from tests.each_case import each_case
from tests.model.factories import DEVICE, command
from tests.storage.cluster import open_server
from tests.storage.lanes import lane_content, stored_lane
from tests.storage.queue_actions import (
    enqueue_commands,
    get_lane,
    poll_command,
    post_result,
    waiting_ids,
)
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")

_COLUMNS: Sequence[Sequence[object]] = (
    (),
    (1, None, -(2**63)),
    (None, None),
    ("plain", "NULL", ""),
    ('{"a": "b\\"c"}', "back\\slash", "comma, {brace}", "'", "ä\n\t"),
    ("text", None),
)


@pytest.fixture(name="server")
async def _server(database: str) -> AsyncIterator[PostgresStore]:
    """Return a server's store whose writers have been asked before."""
    async with open_server(database) as store:
        yield store


async def set_pipelines(store: PostgresStore, *, are_used: bool) -> None:
    """Have the writers use pipelines, or none as before PostgreSQL 17."""

    def choose(link: Connection) -> None:
        link.may_pipeline = are_used

    for writer in store.group_commit.writers:
        await writer.run(choose)


@each_case("column", _COLUMNS)
async def test_arrays(server: PostgresStore, column: Sequence[object]) -> None:
    """The database reads each value of an array as it was."""
    sql = "SELECT unnest(CAST(? AS TEXT[]))"
    literal = text_array_literal(column)
    rows = await server.background_reader.run(
        lambda link: link.execute(sql, (literal,)).fetchall()
    )

    assert [(None if v is None else str(v),) for v in column] == rows


@pytest.mark.parametrize("pipelines", [True, False])
async def test_life_of_a_command(server: PostgresStore, *, pipelines: bool) -> None:
    """With and without a pipeline, everything is stored."""
    await set_pipelines(server, are_used=pipelines)
    await enqueue_commands(server, command())
    in_flight = await poll_command(server, uuid="1")
    before = lane_content(await get_lane(server))
    stored = await stored_lane(server)
    await post_result(server, in_flight)

    assert before == stored
    assert CommandState.SUCCESSFUL is in_flight.command.state


@pytest.mark.parametrize("pipelines", [True, False])
async def test_nothing_of_a_refused_write(
    server: PostgresStore, *, pipelines: bool
) -> None:
    """A round that finds a row changed writes nothing, and the next one works."""
    await set_pipelines(server, are_used=pipelines)
    waiting, more = command(), command()
    await enqueue_commands(server, waiting)
    changed = "UPDATE command SET state = 'EXPIRED' WHERE id = ?"
    await server.background_reader.run(lambda c: c.execute(changed, (waiting.id,)))

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        enqueue(lane, more, changes)
        changes.changed_commands[waiting.id] = waiting

    with pytest.raises(Unavailable, match="another process changed a row"):
        await server.change_lane(DEVICE, decide)
    await enqueue_commands(server, last := command())

    assert [last.id] == await waiting_ids(server)


@each_case(
    ("expected", "waiting", "running"),
    [
        (True, 1, []),
        (True, 1, [1]),
        (False, 4, [5]),
        (True, 5, [5]),
        (True, 1, [200]),
        (False, 200, [1, 1]),
    ],
)
def test_second_round_waits_for_company(
    waiting: int, running: list[int], *, expected: bool
) -> None:
    """Few decisions wait for the end of a round with more, unless that takes long."""
    assert expected == is_worth_a_round(waiting, running)


class _VanishedError(Exception):
    """The server is gone."""


@attrs.frozen
class _CutShort:
    """Sends until the server vanishes, which is before it commits."""

    raw: PGconn

    def send_query_params(self, sql: bytes, values: None) -> None:
        if sql == b"COMMIT":
            raise _VanishedError
        self.raw.send_query_params(sql, values)

    def send_query_prepared(self, _name: bytes, _values: Sequence[bytes]) -> None:
        self.raw.send_query_params(b"SELECT 1", None)


@pytest.mark.proof
async def test_half_a_pipeline(server: PostgresStore, database: str) -> None:
    """A server that vanishes amid its write does not keep its devices for long."""
    with closing(psycopg.connect(database, autocommit=True)) as link:
        link.execute("BEGIN")
        link.execute("SELECT pg_advisory_xact_lock(7)")
        link.pgconn.enter_pipeline_mode()
        with pytest.raises(_VanishedError):
            send_pipeline(_CutShort(link.pgconn), b"", [])  # type: ignore[arg-type]
        link.pgconn.flush()

        async def is_free() -> bool:
            return await server.background_reader.run(
                lambda c: (
                    c.execute("SELECT pg_try_advisory_lock(7)").fetchone() == (True,)
                )
            )

        assert not await is_free()
        await wait_until(is_free, within=12)


async def test_thread_waits_for_the_loop(server: PostgresStore) -> None:
    """What a thread is given while the loop asks on its connection comes after that."""
    writer = server.group_commit.writers[0]
    await writer.run(lambda link: link.execute_all("SELECT 1"))
    connection = writer.connected()
    assert connection is not None
    async with asyncio.timeout(10):
        asked = asyncio.ensure_future(
            writer.ask(connection, lambda raw: raw.send_query(b"SELECT pg_sleep(0.01)"))
        )
        await asyncio.sleep(0)
        rows = await writer.run(lambda link: link.execute("SELECT 2").fetchall())
        await asked

    assert [(2,)] == rows
    assert writer.connected() is connection
