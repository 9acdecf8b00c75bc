"""Devices with a key: where they are served, from when on, and while it changes."""

import pytest

from tests.clock import ManualClock
from tests.web.site import DEVICE, Site, standing

QUERY = f"deviceId={DEVICE}"


async def key_for(site: Site, **wanted: bool) -> str:
    """Make a key for the device."""
    answer = await site.api("POST", f"/devices/{DEVICE}/key", wanted or None)
    key: str = answer.json()["key"]
    return key


async def is_served(site: Site, path: str) -> bool:
    """Tell whether the device gets its command under *path*, or nothing at all."""
    command = await site.enqueue()
    answer = await site.push(QUERY, at=path)
    if answer.is_empty:
        await site.api("DELETE", f"/commands/{command['id']}")
        return False
    await site.result(query=QUERY, at=path.replace("push", "result"))
    return bool("SUCCESSFUL" == (await site.command(command["id"]))["state"])


async def test_never_polled(site: Site) -> None:
    """
    A device that never polled needs its key at once.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    key = await key_for(site)

    assert not await is_served(site, "/push")
    assert not await is_served(site, "/d/wrong/push")
    assert await is_served(site, f"/d/{key}/push")


async def test_first_keyed_poll(site: Site) -> None:
    """
    One that polled without goes on doing so until its first poll with the key.
    """
    assert await is_served(site, "/push")
    key = await key_for(site)

    assert await is_served(site, "/push")
    assert await is_served(site, f"/x/d/{key}/push")
    assert not await is_served(site, "/push")


async def test_enforced(site: Site) -> None:
    """
    `enforce` asks for the key from now on.
    """
    assert await is_served(site, "/push")
    key = await key_for(site, enforce=True)

    assert not await is_served(site, "/push")
    assert await is_served(site, f"/d/{key}/push")


async def test_rotation(site: Site) -> None:
    """
    While a key changes both are valid, until the new one was used.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    old = await key_for(site)
    new = await key_for(site)

    assert await is_served(site, f"/d/{old}/push")
    assert await is_served(site, f"/d/{new}/push")
    assert not await is_served(site, f"/d/{old}/push")


async def test_result_without_key(site: Site) -> None:
    """
    A result that comes without the key is answered empty and ends nothing.
    """
    command = await site.enqueue()
    key = await key_for(site)
    await site.push(QUERY, at=f"/d/{key}/push")

    assert (await site.result(query=QUERY)).is_empty
    assert (await site.result(query=QUERY, at="/d/wrong/result")).is_empty
    assert "result" not in await site.command(command["id"])


async def test_somebody_elses_key(site: Site) -> None:
    """
    The key of one device opens nothing for another.
    """
    await site.api("PUT", "/devices/1", {})
    await site.api("PUT", f"/devices/{DEVICE}", {})
    await key_for(site)
    others = (await site.api("POST", "/devices/1/key")).json()["key"]

    assert not await is_served(site, f"/d/{others}/push")


@pytest.mark.parametrize("path", ["/push", "/d/wrong/push"])
async def test_required(database: str, clock: ManualClock, path: str) -> None:
    """
    Where keys are required, who has none is not served.
    """
    async with standing(database, clock, device_keys="required") as site:
        await site.api("PUT", f"/devices/{DEVICE}", {})
        assert not await is_served(site, path)
        key = await key_for(site)
        assert not await is_served(site, path)
        assert await is_served(site, f"/d/{key}/push")


async def test_shown_once(site: Site) -> None:
    """
    A key is in its own answer and nowhere else.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    answer = await site.api("POST", f"/devices/{DEVICE}/key")

    told = answer.json()
    assert 201 == answer.status
    assert f"/d/{told['key']}" == told["path"]
    assert f"{site.url}/d/{told['key']}" == told["url"]
    device = await site.device()
    assert told["key"] not in str(device)
    assert (True, True) == (device["keyed"], device["keyEnforced"])
