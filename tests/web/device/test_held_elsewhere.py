"""A poll that one server holds while its device gets its command from another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from pushserver.storage.postgres.connection.connection import Connection
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    OPEN_DOOR,
    LocalServer,
    running_server,
    wait_until,
)

if TYPE_CHECKING:
    from pushserver.storage.postgres.store import PostgresStore

pytestmark = pytest.mark.only_on("postgres")


@pytest.fixture(name="other")
async def _other(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a second server over the same database."""
    async with running_server(database, clock) as there:
        yield there


@asynccontextmanager
async def cut_off(server: LocalServer) -> AsyncIterator[None]:
    """Let a server lose the connection on which it hears others, for the block."""
    member = cast("PostgresStore", server.services.store).member
    database = member.connection_thread.database
    url, database.url = database.url, "postgresql:///nowhere?host=/nowhere"
    await member.connection_thread.run(Connection.close)
    await wait_until(lambda: not member.is_listening())
    yield
    database.url, database.retry_at = url, 0.0


async def test_older_than_the_delivery(server: LocalServer, other: LocalServer) -> None:
    """
    A poll that began before the command was handed out elsewhere is no sign that its
    answer was lost: it ends empty, and a door lives on until its result is overdue.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    await other.services.cluster_sync.catch_up()
    old_poll = asyncio.create_task(other.poll())
    await other.wait_for_held_polls(1)
    async with cut_off(other):
        server.clock.tick(seconds=1)
        command = await server.enqueue(OPEN_DOOR)
        given = await server.poll()
        server.clock.tick(seconds=10)

    assert (await old_poll).is_empty
    assert not given.is_empty
    await server.expire_overdue()
    assert "DELIVERED" == (await server.get_command(command["id"]))["state"]
    await server.post_result()
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]
