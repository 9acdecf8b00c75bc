"""The store is unavailable for a while: what callers get, and that all recovers."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE
from tests.e2e.test_device_life import LOAD_USERS
from tests.program import Program
from tests.web.local_server import wait_until

ME = str(DEVICE)
pytestmark = pytest.mark.only_on("sqlite")


@contextmanager
def store_locked(program: Program) -> Iterator[None]:
    """Hold the one lock that writing needs, as a stuck backup would."""
    connection = sqlite3.connect(program.file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


async def get(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    """Return the status and the body."""
    async with session.get(url) as answer:
        return answer.status, await answer.read()


async def post_result(session: aiohttp.ClientSession, server: Program) -> int:
    """Let the device post a response; return the status of the answer."""
    url = f"{server.url}/result?deviceId={ME}"
    async with session.post(url, data=b'{"response":{}}') as answer:
        return answer.status


async def test_devices(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A device that has something to do gets an empty 200, and its command later.
    """
    command = await api.commands.enqueue(ME, LOAD_USERS)
    url = f"{server.url}/push?deviceId={ME}"

    with store_locked(server):
        away = await asyncio.gather(*(get(session, url) for _ in range(3)))
    status, order = await get(session, url)

    assert [(200, b"")] * 3 == away
    assert (200, "load_objects") == (status, json.loads(order)["endpoint"])
    assert 1 == (await api.commands.get(command["id"]))["attempts"]


async def test_idle_devices(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    Idle devices notice nothing: they are answered at once.
    """
    await api.devices.put(ME)
    with store_locked(server):
        async with asyncio.timeout(4):
            answer = await get(session, f"{server.url}/push?deviceId={ME}")

    assert (200, b"") == answer


async def test_programs(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A program gets 503 and when to retry; its request is not half done.
    """
    await api.devices.put(ME)
    headers = {"Authorization": f"Bearer {server.token}"}
    url = f"{server.url}/api/v1/devices/{ME}/commands"
    with store_locked(server):
        async with session.post(url, json=LOAD_USERS, headers=headers) as answer:
            status, answer_headers = answer.status, answer.headers
            problem = await answer.json(content_type="application/problem+json")
        readable = await api.commands.list()

    assert 503 == status
    assert int(answer_headers["Retry-After"]) > 0
    assert "urn:pushserver:problem:unavailable" == problem["type"]
    assert [] == readable["items"]
    assert "PENDING" == (await api.commands.enqueue(ME, LOAD_USERS))["state"]


async def test_results(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A result waits for the store and is stored when it is back.
    """
    command = await api.commands.enqueue(ME, LOAD_USERS)
    await get(session, f"{server.url}/push?deviceId={ME}")

    with store_locked(server):
        posting = asyncio.create_task(post_result(session, server))
        done, _ = await asyncio.wait([posting], timeout=7)

    assert not done
    assert 200 == await posting
    assert "SUCCESSFUL" == (await api.commands.get(command["id"]))["state"]


@pytest.mark.proof
async def test_results_in_vain(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    After 25 s a device gets 503: a 200 would be a lie.
    """
    await api.devices.put(ME)
    url = f"{server.url}/result?deviceId={ME}"
    loop = asyncio.get_running_loop()
    with store_locked(server):
        started_at = loop.time()
        async with session.post(url, data=b'{"response":{}}') as answer:
            status, headers = answer.status, answer.headers
        took = loop.time() - started_at

    assert 503 == status
    assert "Retry-After" in headers
    assert 24 < took < 32


async def test_readiness(server: Program, session: aiohttp.ClientSession) -> None:
    """
    `/readyz` is red while the store is away and green after; `/healthz` stays green.
    """
    with store_locked(server):
        red = await get(session, f"{server.url}/readyz")
        alive = await get(session, f"{server.url}/healthz")

    async def green() -> bool:
        return (200, b"ok\n") == await get(session, f"{server.url}/readyz")

    assert 503 == red[0]
    assert (200, b"ok\n") == alive
    await wait_until(green)


async def test_nothing_seen_is_lost(
    server: Program, session: aiohttp.ClientSession
) -> None:
    """
    Polls that were seen while the store was unavailable are recorded afterwards.
    """
    with store_locked(server):
        for number in range(5):
            await get(session, f"{server.url}/push?deviceId={900 + number}")
            await get(session, f"{server.url}/x.fcgi?device_id={900 + number}")
        await wait_until(lambda: "flush-seen" in server.log.read_text(), within=30)
    server.stop()
    server.start()
    async with Client(server.url, server.token) as again:
        devices = [await again.devices.get(str(900 + number)) for number in range(5)]

    assert {"quarantined"} == {device["state"] for device in devices}
    assert [1] * 5 == [device["unknownCalls"]["count"] for device in devices]
    assert [1] * 5 == [len(device["unknownCalls"]["last"]) for device in devices]
