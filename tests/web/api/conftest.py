"""Fixtures for the API: a server with a fleet."""

from collections.abc import AsyncIterator

import pytest

from pushserver.web.api import events
from tests.clock import ManualClock
from tests.web.local_server import LocalServer, running_server


@pytest.fixture(name="server_with_devices")
async def _server_with_devices(server: LocalServer) -> LocalServer:
    """Return a server that knows the devices 1 to 4, of which 1 and 2 are online."""
    for device in (1, 2, 3, 4):
        tags = {"site": "north" if device % 2 else "south"}
        await server.api("PUT", f"/devices/{device}", {"tags": tags})
    for device in (1, 2):
        await server.poll(f"deviceId={device}")
    await flush_last_seen(server)
    return server


async def flush_last_seen(server: LocalServer) -> None:
    """Write which devices were seen, as a worker does."""
    while not server.services.write_behind.is_flushed:
        await server.services.write_behind.flush()


@pytest.fixture(name="server_of_all_faces")
async def _server_of_all_faces(
    database: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may stay inside, and its streams read soon."""
    monkeypatch.setattr(events, "HEARTBEAT_INTERVAL", 0.02)
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server
