"""Devices that nobody adopted: answered, listed, bounded, never served."""

import asyncio
from typing import Any, cast

import attrs
import psycopg
import pytest

from pushserver.errors import Unavailable
from tests.storage.locations import blocked_writers
from tests.web.local_server import DEVICE, LocalServer, wait_until

QUERY = f"deviceId={DEVICE}"


async def test_first_poll(server: LocalServer) -> None:
    """
    An unknown device is answered as an idle one, and shown as quarantined.
    """
    answer = await server.poll(QUERY)

    assert answer.is_empty
    device = await server.get_device()
    assert ("quarantined", True) == (device["state"], device["deviceSeen"])
    assert "127.0.0.1" == device["address"]


async def test_never_a_command(server: LocalServer) -> None:
    """
    A token that may not write devices cannot give it one; adopting is what helps.
    """
    await server.poll(QUERY)
    token = await server.create_token("commands:write")
    path = f"/devices/{DEVICE}/commands"

    refused = await server.api("POST", path, {"endpoint": "x"}, token=token)
    before = await server.poll(QUERY)
    adopted = await server.api("POST", f"/devices/{DEVICE}/adopt")
    taken = await server.api("POST", path, {"endpoint": "x"}, token=token)

    assert (404, "not-found", None) == refused.problem
    assert before.is_empty
    assert "adopted" == adopted.json()["state"]
    assert 201 == taken.status
    assert "x" == (await server.poll(QUERY)).json()["endpoint"]


@pytest.mark.only_on("postgres")
async def test_adopted_elsewhere(server: LocalServer, database: str) -> None:
    """
    A result of a device that another server adopted is stored, though this one has not
    been notified yet.
    """
    await server.poll(QUERY)
    await server.services.write_behind.flush()
    with psycopg.connect(database) as other:
        other.execute("UPDATE device SET state = 'adopted'")
    answer = await server.post_result(query=QUERY)

    assert answer.is_empty
    assert 1 == len((await server.api("GET", "/results")).json()["items"])


@attrs.define(eq=False)
class PausedSyncStore:
    """A store that gets notices once it `may`; not the first time if it `fails`."""

    store: Any
    fails: bool = False
    may: asyncio.Event = attrs.Factory(asyncio.Event)
    syncs: int = 0
    failed: asyncio.Event = attrs.Factory(asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def sync_notices(self) -> None:
        """Get the notices of others."""
        self.syncs += 1
        if self.fails and not self.failed.is_set():
            self.failed.set()
            raise Unavailable("The database is away.")
        await self.may.wait()
        await self.store.sync_notices()


@pytest.mark.only_on("postgres")
async def test_adopted_elsewhere_while_away(server: LocalServer, database: str) -> None:
    """
    A result is also stored if the store fails when it is asked for the device; the
    notices of other servers are read before it is asked again.
    """
    services, cluster_sync = server.services, server.services.cluster_sync
    await server.poll(QUERY)
    await services.write_behind.flush()
    with psycopg.connect(database) as other:
        other.execute("UPDATE device SET state = 'adopted'")
    cluster_sync.store = store = cast(
        "Any", PausedSyncStore(cluster_sync.store, fails=True)
    )
    posting = asyncio.create_task(server.post_result(query=QUERY))
    await store.failed.wait()
    await services.device_sync.refresh([DEVICE])
    store.may.set()
    await posting

    assert 1 == len((await server.api("GET", "/results")).json()["items"])


@pytest.mark.only_on("postgres")
async def test_flood_of_results(server: LocalServer) -> None:
    """
    However many strangers post results at once, the store is asked a few times.
    """
    services, cluster_sync = server.services, server.services.cluster_sync
    cluster_sync.store = store = cast("Any", PausedSyncStore(cluster_sync.store))
    posts = [
        asyncio.create_task(server.post_result(query=f"deviceId={DEVICE + n}"))
        for n in range(30)
    ]
    await wait_until(lambda: services.counts["refused.quarantined"] == len(posts))
    store.may.set()
    answers = await asyncio.gather(*posts)

    assert all(answer.is_empty for answer in answers)
    assert store.syncs in (1, 2, 3)


async def test_never_held(server: LocalServer) -> None:
    """
    Its polls are never held, even when the server holds polls.
    """
    await server.poll(QUERY)
    await server.api("PATCH", f"/devices/{DEVICE}", {"hold": 60})

    async with asyncio.timeout(15):
        assert (await server.poll(QUERY)).is_empty
    assert "quarantined" == (await server.get_device())["state"]


async def test_not_unknown(server: LocalServer) -> None:
    """
    Its polls and results are no unknown requests, and no result is taken.
    """
    for _ in range(3):
        assert (await server.poll(QUERY)).is_empty
        assert (await server.post_result(query=QUERY)).is_empty

    assert [] == await server.list_results()
    assert "unknownCalls" not in await server.get_device()
    counts = (await server.api("GET", "/server")).json()["counts"]
    assert {"refused.quarantined": 6} == counts


async def test_bounded(server: LocalServer) -> None:
    """
    Ids without end fill a bounded quarantine, and adopted devices stay.
    """
    await server.enqueue()
    for start in range(0, 1200, 100):
        polls = (server.poll(f"deviceId={start + n}") for n in range(100))
        assert all(answer.is_empty for answer in await asyncio.gather(*polls))

    shown = (await server.api("GET", "/devices?state=quarantined&limit=1000")).json()
    assert 1000 == len(shown["items"])
    assert "nextCursor" not in shown
    assert "load_objects" == (await server.poll(QUERY)).json()["endpoint"]
    counts = (await server.api("GET", "/server")).json()["counts"]
    assert 200 == counts["refused.quarantineFull"]


async def test_room_again(server: LocalServer) -> None:
    """
    A device that has not polled for an hour makes room for a new one.
    """
    for number in range(1000):
        await server.poll(f"deviceId={number}")
    server.clock.tick(seconds=3601)

    assert (await server.poll(QUERY)).is_empty
    assert "quarantined" == (await server.get_device())["state"]


async def test_a_stranger_shares_no_commit(server: LocalServer) -> None:
    """
    A result that ends nothing is answered although nobody can write at the moment.
    """
    async with blocked_writers(server.services.store), asyncio.timeout(15):
        answer = await server.post_result(query=f"{QUERY}&uuid=guessed")

    assert answer.is_empty
