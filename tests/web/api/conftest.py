"""Fixtures for the API: a server with a fleet."""

import pytest

from tests.web.local_server import LocalServer


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
