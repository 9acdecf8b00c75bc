"""Results that the server refuses: the command has failed, and is not sent again."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pushserver.web import body, plain_request
from tests.clock import ManualClock
from tests.web.api.subscriptions.requests import create_subscription
from tests.web.local_server import (
    DEVICE,
    OPEN_DOOR,
    LocalServer,
    running_server,
    wait_until,
)

QUERY = f"deviceId={DEVICE}&uuid=u1&endpoint=load_objects"
LIMIT = 1000


@pytest.fixture(name="limited", autouse=True)
def _limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit, and see that nothing waits for the end of what is refused."""
    monkeypatch.setattr(body, "MAX_BODY_SIZE", LIMIT)
    monkeypatch.setattr(plain_request, "_MAX_BODY", LIMIT)
    monkeypatch.setattr(body, "LONG_LINGER", 0.1)


async def too_large_at_once() -> AsyncIterator[bytes]:
    """Yield one piece that is over the limit."""
    yield bytes(LIMIT + 1)


async def too_large_in_pieces() -> AsyncIterator[bytes]:
    """Yield pieces of which the last is over the limit."""
    for _ in range(3):
        yield bytes(LIMIT // 2)


async def expect_failed(
    server: LocalServer, command_id: str, error: str
) -> dict[str, Any]:
    """Expect that the command failed, is not sent again, and that all lists say so."""
    command = await server.get_command(command_id)
    (listed,) = await server.list_results()
    for result in (command["result"], listed):
        assert (error, True) == (result["error"], result["rejected"])
    assert ("FAILED", 1, command_id) == (
        command["state"],
        command["attempts"],
        listed["commandId"],
    )
    assert "incomplete" not in listed
    server.clock.tick(3600)
    assert (await server.poll(QUERY)).is_empty
    return command


@pytest.mark.parametrize("chunks", [None, too_large_at_once, too_large_in_pieces])
async def test_over_the_limit(server: LocalServer, chunks: Any) -> None:
    """
    A result over the limit is 413, of which nothing is kept; its command has failed.
    """
    command = await server.enqueue()
    await server.poll(QUERY)

    taken = await server.post_result(chunks() if chunks else bytes(LIMIT + 1), QUERY)

    assert (413, "too-large", None) == taken.problem
    assert "close" == taken.headers["Connection"]
    await expect_failed(server, command["id"], "result over 64 MiB")
    raw = await server.api("GET", f"/commands/{command['id']}/result")
    assert (200, b"") == (raw.status, raw.body)


async def test_event(database: str, clock: ManualClock) -> None:
    """
    The last event of the command says that it failed.
    """
    async with running_server(
        database, clock, webhook_allow_networks="127.0.0.0/8"
    ) as server:
        await create_subscription(server)
        await server.enqueue()
        await server.poll(QUERY)
        await server.post_result(bytes(LIMIT + 1), QUERY)
        subscriptions = server.services.store.subscriptions
        events = await subscriptions.events(1, after=0, limit=99)

    assert b"FAILED" in (events[-1].data or b"")


async def test_second_post(server: LocalServer) -> None:
    """
    A better answer changes nothing: a command that has failed is over.
    """
    command = await server.enqueue()
    await server.poll(QUERY)
    await server.post_result(bytes(LIMIT + 1), QUERY)

    assert (await server.post_result(query=QUERY)).is_empty
    assert "FAILED" == (await server.get_command(command["id"]))["state"]


async def test_next_command(server: LocalServer) -> None:
    """
    The next command is handed out at the next poll, without any wait.
    """
    await server.enqueue()
    await server.enqueue(OPEN_DOOR)
    await server.poll(QUERY)
    await server.post_result(bytes(LIMIT + 1), QUERY)

    assert b'"endpoint":"execute_actions"' in (await server.poll()).body


async def test_orphan(server: LocalServer) -> None:
    """
    One that belongs to no command is kept as well.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    assert 413 == (await server.post_result(bytes(LIMIT + 1), QUERY)).status

    (result,) = await server.list_results()
    assert (True, "result over 64 MiB") == (result["orphan"], result["error"])


BROKEN = b"f\r\n" + b'{"response":{}}' + b"\r\nnot a length\r\n"


@pytest.mark.parametrize("split", [0, 1, 20, len(BROKEN)])
async def test_broken_chunks(
    server: LocalServer, received: bytearray, split: int
) -> None:
    """
    Chunks that are none are 400 at once, however they arrive, and the command failed.
    """
    command = await server.enqueue()
    await server.poll(QUERY)
    head = f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(f"{head}\r\n".encode() + BROKEN[:split])
        await wait_until(lambda: received.endswith(b"\r\n\r\n" + BROKEN[:split]))
        writer.write(BROKEN[split:])
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert 1 == answer.count(b"HTTP/1.1 ")
    await expect_failed(server, command["id"], "result in broken chunks")


async def test_endless_uuid(server: LocalServer) -> None:
    """
    A uuid that no index could take is cut, in the poll and in the result alike.
    """
    command = await server.enqueue()
    query = f"deviceId={DEVICE}&uuid={secrets.token_hex(3500)}"
    assert b"load_objects" in (await server.poll(query)).body

    assert (await server.post_result(query=query)).is_empty

    command = await server.get_command(command["id"])
    assert ("SUCCESSFUL", "uuid") == (command["state"], command["result"]["matchedBy"])
