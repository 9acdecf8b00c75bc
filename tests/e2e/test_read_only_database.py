"""A PostgreSQL that takes no writes, as a standby does not."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import psycopg
import pytest
from psycopg import sql

from pushserver.client import ApiError, Client
from tests.e2e.conftest import DEVICE
from tests.e2e.test_device_life import LOAD_USERS
from tests.e2e.test_refusals import refused
from tests.e2e.test_store_away import get
from tests.program import Program
from tests.web.local_server import wait_until

ME = str(DEVICE)
pytestmark = pytest.mark.only_on("postgres")

_SET = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name LIKE 'pushserver%'"
)


def set_read_only(url: str, value: str) -> None:
    """Have every new connection read only, or not; end those that servers have."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        name = sql.Identifier(connection.info.dbname)
        connection.execute(_SET.format(name, sql.SQL(value)))
        connection.execute(_END_OTHERS)


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """Let the database take no writes for the length of the block."""
    set_read_only(url, "on")
    try:
        yield
    finally:
        set_read_only(url, "off")


def test_start(program: Program) -> None:
    """
    Over a database that takes no writes, no server starts.
    """
    with read_only(program.database):
        line = refused(program)

    assert "read-only" in line


async def test_ready(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A server whose database takes no writes any more is not ready, until it does.
    """

    async def status_is(status: int) -> bool:
        return status == (await get(session, f"{server.url}/readyz"))[0]

    async def is_refused_for_it() -> bool:
        try:
            await api.commands.enqueue(ME, LOAD_USERS)
        except ApiError as error:
            return "read-only" in str(error)
        return False

    with read_only(server.database):
        # The connections are back then, and it is not for want of them.
        await wait_until(is_refused_for_it, within=20)
        assert await status_is(503)
    await wait_until(lambda: status_is(200), within=20)
