"""Two terminals with one id, as programs see them."""

import asyncio

import aiohttp
import pytest

from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LocalServer, running_server, wait_until

FIRST, SECOND = "127.0.0.2", "127.0.0.3"


async def poll_from(server: LocalServer, address: str, uuid: str = "u0") -> bytes:
    """Poll as the device from *address*, with a new connection and port."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    url = f"{server.url}/push?deviceId={DEVICE}&uuid={uuid}"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(url) as answer,
    ):
        assert 200 == answer.status
        return await answer.read()


async def post_result_from(server: LocalServer, address: str, uuid: str) -> None:
    """Post a result as the device from *address*."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    url = f"{server.url}/result?deviceId={DEVICE}&uuid={uuid}"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(url, json={"response": {}}) as answer,
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


@pytest.mark.parametrize("policy", ["report", "quarantine"])
async def test_newer_address(database: str, clock: ManualClock, policy: str) -> None:
    """
    The newer address gets commands, unless it is shut out until the next adoption.
    """
    async with running_server(database, clock, identity_conflict=policy) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        for address in (FIRST, SECOND, FIRST):
            await poll_from(server, address)
        await server.enqueue()
        is_served = b"endpoint" in await poll_from(server, SECOND)
        device = await server.get_device()

        assert ("report" == policy) is is_served
        shut_out = None if is_served else SECOND
        assert shut_out == device.get("shutOutAddress")
        if not is_served:
            await server.api("POST", f"/devices/{DEVICE}/adopt")
            assert "shutOutAddress" not in await server.get_device()
            assert b"endpoint" in await poll_from(server, SECOND)
            (entry, _) = (await server.api("GET", "/audit?action=device.adopt")).json()[
                "items"
            ]
            assert {"served": SECOND} == entry["detail"]


async def test_shut_out_is_not_held(database: str, clock: ManualClock) -> None:
    """
    The newer address is answered at once, even where polls are held.
    """
    async with running_server(
        database, clock, identity_conflict="quarantine", hold=300
    ) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {"hold": 0})
        for address in (FIRST, SECOND, FIRST):
            await poll_from(server, address)
        await server.api("PATCH", f"/devices/{DEVICE}", {"hold": None})

        async with asyncio.timeout(15):
            assert b"" == await poll_from(server, SECOND)
        calls = (await server.get_device())["unknownCalls"]["last"]
        assert [f"/push?deviceId={DEVICE}&uuid=u0"] == [each["path"] for each in calls]


async def test_held_newcomer(database: str, clock: ManualClock) -> None:
    """
    A poll of the newcomer that is held when it is shut out gets no command.
    """
    async with running_server(
        database, clock, identity_conflict="quarantine", hold=20
    ) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        first = asyncio.create_task(poll_from(server, FIRST))
        await server.wait_for_held_polls(1)
        newcomer = asyncio.create_task(poll_from(server, SECOND))
        async with asyncio.timeout(15):
            assert b"" == await first
            owner = asyncio.create_task(poll_from(server, FIRST))
            assert b"" == await newcomer
            await wait_until(
                lambda: server.services.devices.get(1, DEVICE).identity_conflicts > 0
            )
            await server.wait_for_held_polls(1)
            await server.enqueue()

            assert b"endpoint" in await owner
        assert SECOND == (await server.get_device())["shutOutAddress"]


@pytest.mark.parametrize("knows_uuid", [True, False])
async def test_result_of_shut_out(
    database: str, clock: ManualClock, knows_uuid: bool
) -> None:
    """
    What was handed out before the conflict may end; nothing else is stored.
    """
    async with running_server(
        database, clock, identity_conflict="quarantine"
    ) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        await poll_from(server, FIRST)
        command = await server.enqueue()
        await poll_from(server, SECOND, "u1")
        await poll_from(server, FIRST)
        await post_result_from(server, SECOND, "u1" if knows_uuid else "u2")

        state = (await server.get_command(command["id"]))["state"]
        assert knows_uuid is (state == "SUCCESSFUL")
        assert SECOND == (await server.get_device())["shutOutAddress"]
