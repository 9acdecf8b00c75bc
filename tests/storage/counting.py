"""How much a store reads to answer: it is overheard doing its own statements."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
from psycopg.pq import TransactionStatus

from pushserver.storage.base import Store
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.session import Pool
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sqlite.store import SqliteStore

#: What only frames statements.
_FRAME = ("BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
# PostgreSQL counts by itself within a transaction, also what came from an index alone.
# What it passes over inside an index is in no row, but in the pages.
_TAKEN = (
    b"SELECT CAST(sum(pg_stat_get_xact_tuples_returned(oid)) AS BIGINT),"
    b" CAST(sum(pg_stat_get_xact_blocks_fetched(oid)) AS BIGINT) FROM pg_class"
    b" WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
)
_ANY = (
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)"
    " WHERE current_setting('plan_cache_mode') = 'auto'"
)


@attrs.define
class Count:
    """
    What was asked, and how much was read for it.

    `rows` are those that PostgreSQL took from tables and indexes, in so many `pages`.
    SQLite does not count rows: there they are the steps of its machine, some for each.
    """

    statements: list[str] = attrs.Factory(list)
    rows: int = 0
    pages: int = 0


@asynccontextmanager
async def counting(store: Store) -> AsyncIterator[Count]:
    """Count what the store reads for the length of the block."""
    count = Count()
    for each in _connections(store):
        await each.run(lambda c: _listen(c, count))
    yield count
    for each in _connections(store):
        await each.run(_leave)


def _connections(store: Store) -> Sequence[Any]:
    """Return what the store asks on, but for what hears of other servers."""
    if isinstance(store, SqliteStore):
        return store.writer.connection, store.hot, store.lists, store.workers
    assert isinstance(store, PostgresStore)
    pools = (store.hot, store.lists, store.workers)
    sessions = [s for pool in pools if isinstance(pool, Pool) for s in pool.sessions]
    return *store.rounds.sessions, *sessions


def _listen(connection: sqlite3.Connection | Link, count: Count) -> None:
    if isinstance(connection, Link):
        vars(connection)["execute"] = _counted(connection, connection.execute, count)
        return

    def step() -> None:
        count.rows += 1

    def hear(sql: str) -> None:
        if sql not in _FRAME:
            count.statements.append(sql)

    connection.set_trace_callback(hear)
    connection.set_progress_handler(step, 1)


def _leave(connection: sqlite3.Connection | Link) -> None:
    if isinstance(connection, Link):
        del vars(connection)["execute"]
    else:
        connection.set_trace_callback(None)
        connection.set_progress_handler(None, 1)


def _counted(
    link: Link, do: Callable[..., object], count: Count
) -> Callable[..., object]:
    """Return what does a statement as *do* would, and counts."""

    def counted(sql: str, values: Any = ()) -> object:
        if sql in _FRAME:
            return do(sql, values)
        with _within(link):
            rows, pages = _taken(link)
            done = do(sql, values)
            more_rows, more_pages = _taken(link)
        count.statements.append(sql)
        count.rows += more_rows - rows
        count.pages += more_pages - pages
        return done

    return counted


@contextmanager
def _within(link: Link) -> Iterator[None]:
    """Have a transaction; its end would take the counts away."""
    is_own = link.raw.info.transaction_status == TransactionStatus.IDLE
    if is_own:
        link.raw.execute("BEGIN", prepare=False)
    yield
    if is_own:
        link.raw.execute("COMMIT", prepare=False)


def _taken(link: Link) -> tuple[int, int]:
    rows, pages = link.raw.execute(_TAKEN).fetchone() or (0, 0)
    return rows, pages


async def plan_for_any(store: Store) -> None:
    """
    Have PostgreSQL plan once for whatever values come, as it may after some times.

    Who asks to have it planned for the very values is left alone.
    """
    if isinstance(store, PostgresStore):
        for each in _connections(store):
            await each.run(lambda link: link.execute(_ANY))
