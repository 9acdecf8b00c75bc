"""Two terminals with one id, as programs see them."""

import aiohttp

from tests.web.local_server import DEVICE, LocalServer


async def poll_from(server: LocalServer, address: str) -> None:
    """Poll as the device from *address*, with a new connection and port."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    url = f"{server.url}/push?deviceId={DEVICE}"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(url) as answer,
    ):
        assert 200 == answer.status


async def test_shown(server: LocalServer) -> None:
    """
    A device shows how often two addresses took turns, and when; a new port is nothing.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    first, second = "127.0.0.2", "127.0.0.3"
    for address in (first, first, second, first):
        assert "identityConflicts" not in await server.get_device()
        await poll_from(server, address)
    device = await server.get_device()

    assert (1, first) == (device["identityConflicts"], device["address"])
    assert device["lastSeenAt"] == device["identityConflictAt"]
