"""
The database is unavailable for a while: what everybody gets, and that all recovers.
"""

import asyncio
import json
from contextlib import suppress

import aiohttp
import pytest

from pushserver.client import ApiError, Client, Json
from tests.database_rows import open_reader
from tests.e2e.conftest import DEVICE
from tests.e2e.faulty_network import database_refusing
from tests.e2e.test_device_life import LOAD_USERS
from tests.e2e.test_store_away import get, post_result
from tests.program import Program
from tests.web.local_server import wait_until

ME = str(DEVICE)
pytestmark = pytest.mark.only_on("postgres")


async def command_later(api: Client, command_id: str) -> Json:
    """Return a command, once the server knows again which tokens are valid."""
    found: list[Json] = []

    async def is_answered() -> bool:
        with suppress(ApiError):
            found.append(await api.commands.get(command_id))
        return bool(found)

    await wait_until(is_answered)
    return found[0]


async def test_devices(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A device that has something to do gets an empty 200, and its command later.
    """
    command = await api.commands.enqueue(ME, LOAD_USERS)
    url = f"{server.url}/push?deviceId={ME}"
    handed_out: list[bytes] = []

    with database_refusing(server.database):
        away = await asyncio.gather(*(get(session, url) for _ in range(3)))

    async def has_it() -> bool:
        handed_out.append((await get(session, url))[1])
        return bool(handed_out[-1])

    await wait_until(has_it)

    assert [(200, b"")] * 3 == away
    assert "load_objects" == json.loads(handed_out[-1])["endpoint"]
    assert 1 == (await command_later(api, command["id"]))["attempts"]


async def test_programs(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A program gets 503 and when to retry; its key prevents a second command.
    """
    await api.devices.put(ME)
    headers = {"Authorization": f"Bearer {server.token}", "Idempotency-Key": "k"}
    url = f"{server.url}/api/v1/devices/{ME}/commands"

    async def enqueue() -> tuple[int, str | None]:
        async with session.post(url, json=LOAD_USERS, headers=headers) as answer:
            return answer.status, answer.headers.get("Retry-After")

    async def is_done() -> bool:
        return (await enqueue())[0] in (200, 201)

    with database_refusing(server.database):
        status, later = await enqueue()
    await wait_until(is_done)
    with open_reader(server.database) as read:
        count = read("SELECT count(*) FROM command")

    assert 503 == status
    assert int(later or 0) > 0
    assert [(1,)] == count


async def test_results(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    A result waits for the database and is stored when it is back.
    """
    command = await api.commands.enqueue(ME, LOAD_USERS)
    await get(session, f"{server.url}/push?deviceId={ME}")

    with database_refusing(server.database):
        posting = asyncio.create_task(post_result(session, server))
        done, _ = await asyncio.wait([posting], timeout=3)

    assert not done
    assert 200 == await posting
    assert "SUCCESSFUL" == (await command_later(api, command["id"]))["state"]


@pytest.mark.proof
async def test_results_in_vain(
    server: Program, api: Client, session: aiohttp.ClientSession
) -> None:
    """
    After 25 s a device gets 503: a 200 would be a lie.
    """
    await api.devices.put(ME)
    loop, url = asyncio.get_running_loop(), f"{server.url}/result?deviceId={ME}"
    with database_refusing(server.database):
        started_at = loop.time()
        async with session.post(url, data=b'{"response":{}}') as answer:
            status, headers = answer.status, answer.headers
        took = loop.time() - started_at

    assert 503 == status
    assert "Retry-After" in headers
    assert 24 < took < 32


async def test_readiness(server: Program, session: aiohttp.ClientSession) -> None:
    """
    `/readyz` is red while the database is away, and green again by itself.
    """

    async def green() -> bool:
        return (200, b"ok\n") == await get(session, f"{server.url}/readyz")

    with database_refusing(server.database):
        red = await get(session, f"{server.url}/readyz")
        alive = await get(session, f"{server.url}/healthz")

    assert 503 == red[0]
    assert (200, b"ok\n") == alive
    await wait_until(green)
