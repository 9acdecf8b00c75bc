"""Waiting for an outcome: `Prefer: wait` and `?wait`."""

import asyncio

import pytest

from tests.each_case import each_case
from tests.web.api.test_idempotency import poll_until_order
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer, wait_until

PATH = f"/devices/{DEVICE}/commands"


@pytest.mark.parametrize("prefer", ["wait=20", "respond-async, wait=20", 'wait="20"'])
async def test_prefer(server: LocalServer, prefer: str) -> None:
    """
    An enqueue that prefers to wait answers 201 with the outcome, and says so.
    """
    waiting = asyncio.create_task(
        server.api("POST", PATH, LOAD_USERS, headers={"Prefer": prefer})
    )
    await poll_until_order(server)
    await server.post_result(b'{"response":{"users":[]}}')

    answer = await waiting
    assert (201, "wait=20") == (answer.status, answer.headers["Preference-Applied"])
    command = answer.json()
    assert "SUCCESSFUL" == command["state"]
    assert {"users": []} == command["result"]["response"]
    assert f"/api/v1/commands/{command['id']}" == answer.headers["Location"]


@pytest.mark.parametrize("prefer", ["wait=0", "wait=x", "wait", "return=minimal", ""])
async def test_not_preferred(server: LocalServer, prefer: str) -> None:
    """
    What is no wait is ignored, as the standard has it.
    """
    async with asyncio.timeout(15):
        headers = {"Prefer": prefer}
        answer = await server.api("POST", PATH, LOAD_USERS, headers=headers)

    assert (201, "PENDING") == (answer.status, answer.json()["state"])
    assert "Preference-Applied" not in answer.headers


async def test_in_vain(server: LocalServer) -> None:
    """
    A wait that nothing came of answers 201 and how the command stands.
    """
    headers = {"Prefer": "wait=1"}
    answer = await server.api("POST", PATH, LOAD_USERS, headers=headers)

    assert (201, "PENDING") == (answer.status, answer.json()["state"])
    assert "wait=1" == answer.headers["Preference-Applied"]


async def test_many(server: LocalServer) -> None:
    """
    An array waits until all of its commands are over.
    """
    headers = {"Prefer": "wait=30"}
    waiting = asyncio.create_task(
        server.api("POST", PATH, [LOAD_USERS, LOAD_USERS], headers=headers)
    )
    for _ in range(2):
        await poll_until_order(server)
        await server.post_result()

    items = (await waiting).json()["items"]
    assert ["SUCCESSFUL"] * 2 == [item["state"] for item in items]


async def test_get(server: LocalServer) -> None:
    """
    One who asks for a command with `wait` is answered when it is over.
    """
    command = await server.enqueue()
    path = f"/commands/{command['id']}?wait=30"
    waiting = asyncio.create_task(server.api("GET", path))
    await server.poll()
    await server.post_result(b'{"error":"no"}')

    assert "FAILED" == (await waiting).json()["state"]
    async with asyncio.timeout(15):
        assert "FAILED" == (await server.api("GET", path)).json()["state"]


async def test_get_of_what_expires(server: LocalServer) -> None:
    """
    Being over includes that nothing came of it.
    """
    command = await server.enqueue({**LOAD_USERS, "expiresIn": 1})
    path = f"/commands/{command['id']}?wait=30"
    waiting = asyncio.create_task(server.api("GET", path))
    await wait_until(lambda: bool(server.services.completion_waiters._ends))
    server.clock.tick(seconds=2)
    await server.expire_overdue()

    assert "EXPIRED" == (await waiting).json()["state"]


async def test_results(server: LocalServer) -> None:
    """
    A caller that follows the results with `wait` is answered by the next one.
    """
    await server.enqueue()
    await server.poll()
    start = (await server.api("GET", "/results")).json()["nextCursor"]
    waiting = asyncio.create_task(server.api("GET", f"/results?wait=30&cursor={start}"))
    await wait_until(lambda: bool(server.services.completion_waiters._results))
    await server.post_result()

    page = (await waiting).json()
    assert 1 == len(page["items"])
    assert start != page["nextCursor"]


@each_case("path", ["/results", "/commands/1"])
@each_case("wait", ["nan", "-1", "x", ""])
async def test_no_wait(server: LocalServer, path: str, wait: str) -> None:
    """
    What is no number of seconds is refused at once.
    """
    async with asyncio.timeout(15):
        answer = await server.api("GET", f"{path}?wait={wait}")

    assert (422, "invalid", "/wait") == answer.problem


async def test_stopping(server: LocalServer) -> None:
    """
    A server that stops lets nobody wait.
    """
    command = await server.enqueue()
    waiting = [
        asyncio.create_task(server.api("GET", "/results?wait=30")),
        asyncio.create_task(server.api("GET", f"/commands/{command['id']}?wait=30")),
    ]
    outcomes = server.services.completion_waiters
    await wait_until(lambda: bool(outcomes._results and outcomes._ends))
    server.services.holds.close()
    outcomes.close()

    assert [200, 200] == [answer.status for answer in await asyncio.gather(*waiting)]
