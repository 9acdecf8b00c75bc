"""A question to the database that the event loop asks, when the connection is reset."""

import asyncio

import psycopg
import pytest
import uvloop

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.threads import ConnectionThread, Database

pytestmark = pytest.mark.only_on("postgres")
#: Seconds in which a question ends whose backend is gone: less than its time limit.
_PROMPTLY = 3


async def ask_ended_backend(database: str) -> None:
    """Ask a backend that an administrator is just ending."""
    thread = ConnectionThread(Database(database), timeout=60)
    pid = await thread.run(lambda link: link.pid)
    connection = thread.connected()
    assert connection is not None
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s)", (pid,))
    try:
        async with asyncio.timeout(_PROMPTLY):
            await thread.ask(connection, lambda raw: raw.send_query(b"SELECT 1"))
    finally:
        await thread.close()


def test_ended_backend(database: str) -> None:
    """
    What is asked of a backend that is just ending fails at once; also over uvloop,
    which does not always say of a socket that was reset that it can be read.
    """
    for _ in range(20):
        with pytest.raises(Unavailable):
            uvloop.run(ask_ended_backend(database))
