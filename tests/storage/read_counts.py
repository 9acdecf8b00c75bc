"""Count the statements, rows and pages that a store reads for an answer."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
from psycopg.pq import TransactionStatus

from pushserver.storage.base import Store
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.pool import Pool
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sqlite.store import SqliteStore

#: What only frames statements.
_TRANSACTION_SQL = ("BEGIN", "COMMIT", "ROLLBACK")
# PostgreSQL counts by itself within a transaction, also what came from an index alone.
# What it passes over inside an index is in no row, but in the pages.
_READ_TOTALS = (
    b"SELECT CAST(sum(pg_stat_get_xact_tuples_returned(oid)) AS BIGINT),"
    b" CAST(sum(pg_stat_get_xact_blocks_fetched(oid)) AS BIGINT) FROM pg_class"
    b" WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
)
_GENERIC_PLANS = (
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)"
    " WHERE current_setting('plan_cache_mode') = 'auto'"
)


@attrs.define
class ReadCount:
    """
    The statements, and how much was read for them.

    `rows` are those that PostgreSQL took from tables and indexes, in so many `pages`.
    SQLite does not count rows: there they are the steps of its machine, some for each.
    """

    statements: list[str] = attrs.Factory(list)
    rows: int = 0
    pages: int = 0


@asynccontextmanager
async def count_reads(store: Store) -> AsyncIterator[ReadCount]:
    """Count what the store reads for the duration of the block."""
    count = ReadCount()
    for each in _counted_connections(store):
        await each.run(lambda c: _start_counting(c, count))
    yield count
    for each in _counted_connections(store):
        await each.run(_stop_counting)


def _counted_connections(store: Store) -> Sequence[Any]:
    """Return the store's connections, except the one for notices of other servers."""
    if isinstance(store, SqliteStore):
        return (
            store.group_commit.connection,
            store.hot_reader,
            store.list_reader,
            store.background_reader,
        )
    assert isinstance(store, PostgresStore)
    pools = (store.hot_reader, store.list_reader, store.background_reader)
    sessions = [s for pool in pools if isinstance(pool, Pool) for s in pool.threads]
    return *store.group_commit.writers, *sessions


def _start_counting(
    connection: sqlite3.Connection | Connection, count: ReadCount
) -> None:
    if isinstance(connection, Connection):
        vars(connection)["execute"] = _counted(connection, connection.execute, count)
        return

    def on_step() -> None:
        count.rows += 1

    def on_statement(sql: str) -> None:
        if not sql.startswith(_TRANSACTION_SQL):
            count.statements.append(sql)

    connection.set_trace_callback(on_statement)
    connection.set_progress_handler(on_step, 1)


def _stop_counting(connection: sqlite3.Connection | Connection) -> None:
    if isinstance(connection, Connection):
        del vars(connection)["execute"]
    else:
        connection.set_trace_callback(None)
        connection.set_progress_handler(None, 1)


def _counted(
    link: Connection, execute: Callable[..., object], count: ReadCount
) -> Callable[..., object]:
    """Return an *execute* that also counts."""

    def counted(sql: str, values: Any = ()) -> object:
        if sql.startswith(_TRANSACTION_SQL):
            return execute(sql, values)
        with _in_transaction(link):
            rows, pages = _read_totals(link)
            result = execute(sql, values)
            more_rows, more_pages = _read_totals(link)
        count.statements.append(sql)
        count.rows += more_rows - rows
        count.pages += more_pages - pages
        return result

    return counted


@contextmanager
def _in_transaction(link: Connection) -> Iterator[None]:
    """Hold a transaction open: its end would reset the counts."""
    is_own = link.raw.info.transaction_status == TransactionStatus.IDLE
    if is_own:
        link.raw.execute("BEGIN", prepare=False)
    yield
    if is_own:
        link.raw.execute("COMMIT", prepare=False)


def _read_totals(link: Connection) -> tuple[int, int]:
    rows, pages = link.raw.execute(_READ_TOTALS).fetchone() or (0, 0)
    return rows, pages


async def use_generic_plans(store: Store) -> None:
    """
    Make PostgreSQL use one generic plan for all values, as it may do after a few runs.

    Connections that force custom plans are left alone.
    """
    if isinstance(store, PostgresStore):
        for each in _counted_connections(store):
            await each.run(lambda link: link.execute(_GENERIC_PLANS))
