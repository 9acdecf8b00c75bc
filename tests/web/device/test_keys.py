"""Devices with a key: where they are served, from when on, and while it changes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LocalServer, running_server

QUERY = f"deviceId={DEVICE}"


async def key_for(server: LocalServer, **filters: bool) -> str:
    """Make a key for the device."""
    answer = await server.api("POST", f"/devices/{DEVICE}/key", filters or None)
    key: str = answer.json()["key"]
    return key


async def is_served(server: LocalServer, path: str) -> bool:
    """
    Return whether the device gets its command under *path*; otherwise it gets nothing.
    """
    command = await server.enqueue()
    answer = await server.poll(QUERY, path=path)
    if answer.is_empty:
        await server.api("DELETE", f"/commands/{command['id']}")
        return False
    await server.post_result(query=QUERY, path=path.replace("push", "result"))
    return bool("SUCCESSFUL" == (await server.get_command(command["id"]))["state"])


async def test_never_polled(server: LocalServer) -> None:
    """
    A device that never polled needs its key at once.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    key = await key_for(server)

    assert not await is_served(server, "/push")
    assert not await is_served(server, "/d/wrong/push")
    assert await is_served(server, f"/d/{key}/push")


async def test_first_keyed_poll(server: LocalServer) -> None:
    """
    A device that polled without its key may do so until its first poll with it.
    """
    assert await is_served(server, "/push")
    key = await key_for(server, enforce=False)

    assert await is_served(server, "/push")
    assert await is_served(server, f"/x/d/{key}/push")
    assert not await is_served(server, "/push")


async def test_announced(server: LocalServer) -> None:
    """
    One that a program created before it polled needs its key from the start.
    """
    assert await is_served(server, "/push")
    key = await key_for(server)

    assert not await is_served(server, "/push")
    assert await is_served(server, f"/d/{key}/push")


async def test_not_enforced_is_said(server: LocalServer) -> None:
    """
    While a device is served without its key, it says so, since when and from where.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll(QUERY)
    path = f"/devices/{DEVICE}/key"
    made = (await server.api("POST", path, {"enforce": False})).json()
    keyless = {"since": "2026-01-01T00:00:00.000000Z", "address": "127.0.0.1"}

    assert (False, keyless) == (made["enforced"], made["keyless"])
    assert keyless == (await server.get_device())["keyless"]
    assert [keyless] == [
        each.get("keyless")
        for each in (await server.api("GET", "/devices")).json()["items"]
    ]

    await server.poll(QUERY, path=f"/d/{made['key']}/push")

    assert "keyless" not in await server.get_device()
    assert (await server.get_device())["keyEnforced"]


async def test_enforced(server: LocalServer) -> None:
    """
    `enforce` asks for the key from now on.
    """
    assert await is_served(server, "/push")
    key = await key_for(server, enforce=True)

    assert not await is_served(server, "/push")
    assert await is_served(server, f"/d/{key}/push")


async def test_rotation(server: LocalServer) -> None:
    """
    While a key changes both are valid, until the new one was used.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    old = await key_for(server)
    new = await key_for(server)

    assert await is_served(server, f"/d/{old}/push")
    assert await is_served(server, f"/d/{new}/push")
    assert not await is_served(server, f"/d/{old}/push")


@pytest.mark.parametrize("had_key", [False, True])
async def test_held_meanwhile(server: LocalServer, *, had_key: bool) -> None:
    """
    A poll that is held gets nothing once its key, or none, is not enough any more.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 30})
    old = f"/d/{await key_for(server)}/push" if had_key else "/push"
    held = asyncio.create_task(server.poll(QUERY, path=old))
    await server.wait_for_held_polls(1)
    key = await key_for(server, enforce=True)
    command = await server.enqueue()
    answer = await server.poll(QUERY, path=f"/d/{key}/push")

    assert (await held).is_empty
    assert not answer.is_empty
    assert "SENT" == (await server.get_command(command["id"]))["state"]


async def test_result_without_key(server: LocalServer) -> None:
    """
    A result that comes without the key is answered empty and ends nothing.
    """
    command = await server.enqueue()
    key = await key_for(server)
    await server.poll(QUERY, path=f"/d/{key}/push")

    assert (await server.post_result(query=QUERY)).is_empty
    assert (await server.post_result(query=QUERY, path="/d/wrong/result")).is_empty
    assert "result" not in await server.get_command(command["id"])


async def test_somebody_elses_key(server: LocalServer) -> None:
    """
    The key of one device opens nothing for another.
    """
    await server.api("PUT", "/devices/1", {})
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await key_for(server)
    others = (await server.api("POST", "/devices/1/key")).json()["key"]

    assert not await is_served(server, f"/d/{others}/push")


@pytest.mark.parametrize("path", ["/push", "/d/wrong/push"])
async def test_required(database: str, clock: ManualClock, path: str) -> None:
    """
    Where keys are required, who has none is not served.
    """
    async with running_server(database, clock, device_keys="required") as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        assert not await is_served(server, path)
        key = await key_for(server)
        assert not await is_served(server, path)
        assert await is_served(server, f"/d/{key}/push")


async def test_shown_once(server: LocalServer) -> None:
    """
    A key is in its own answer and nowhere else.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    answer = await server.api("POST", f"/devices/{DEVICE}/key")

    shown = answer.json()
    assert 201 == answer.status
    assert f"/d/{shown['key']}" == shown["path"]
    assert "url" not in shown
    device = await server.get_device()
    assert shown["key"] not in str(device)
    assert (True, True) == (device["keyed"], device["keyEnforced"])


async def test_replaced_while_a_result_comes(server: LocalServer) -> None:
    """
    What began to come with a key that is replaced with `enforce` ends nothing.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    old = await key_for(server, enforce=True)
    command = await server.enqueue()
    await server.poll(QUERY, path=f"/d/{old}/push")

    async def replaces_the_key() -> AsyncIterator[bytes]:
        yield b'{"response":'
        await key_for(server, enforce=True)
        yield b"{}}"

    url = f"/d/{old}/result?{QUERY}"
    posted = await server.request("POST", url, data=replaces_the_key())

    shown = (await server.api("GET", f"/commands/{command['id']}")).json()
    assert (200, b"") == (posted.status, posted.body)
    assert "SUCCESSFUL" != shown["state"]
