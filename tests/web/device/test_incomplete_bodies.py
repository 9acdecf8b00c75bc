"""Bodies that do not arrive whole: kept, but never a success; the command goes on."""

import asyncio
from functools import partial
from typing import Any

import pytest

from pushserver.web import body
from tests.web.local_server import DEVICE, TOKEN, LocalServer, wait_until

QUERY = f"deviceId={DEVICE}&uuid=u1"
HEAD = f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\n"
WHOLE = b'{"response":{"n":1}}'


@pytest.fixture(name="impatient", autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the deadlines, but not below what a stalled machine needs to answer."""
    monkeypatch.setattr(body, "BODY_IDLE_TIMEOUT", 0.25)
    monkeypatch.setattr(body, "UNANNOUNCED_WAIT", 0.5)


async def hand_out(server: LocalServer) -> str:
    """Hand a command out; return its id."""
    command = await server.enqueue()
    await server.poll(QUERY)
    return str(command["id"])


class SlowSender:
    """Sends pieces, each after the server has the one before."""

    def __init__(self, server: LocalServer, received: bytearray) -> None:
        self.server, self.received = server, received

    async def __call__(self, *pieces: bytes) -> bytes:
        """Send pieces; return all that the server answers."""
        self.received.clear()
        sent = bytearray()
        async with self.server.connect() as (reader, writer), asyncio.timeout(15):
            for piece in pieces:
                writer.write(piece)
                sent += piece
                await wait_until(partial(self._has_received, bytes(sent)))
            return await reader.read()

    def _has_received(self, sent: bytes) -> bool:
        return self.received == sent


@pytest.fixture(name="send_slowly")
def _send_slowly(server: LocalServer, received: bytearray) -> SlowSender:
    """Return a sender of pieces."""
    return SlowSender(server, received)


async def expect_open(server: LocalServer, command_id: str, piece: bytes) -> None:
    """Expect that only *piece* is kept, and that a second post ends the command."""
    (kept,) = await server.list_results()
    assert (True, command_id) == (kept["incomplete"], kept["commandId"])
    assert (await server.get_command(command_id))["state"] in ("SENT", "DELIVERED")
    services = server.services
    (stored,) = await services.store.results(
        1, after=0, limit=9, device_id=None, orphan=None
    )
    assert piece == stored.body

    assert (await server.post_result(WHOLE, QUERY)).is_empty

    command = await server.get_command(command_id)
    assert ("SUCCESSFUL", {"n": 1}) == (
        command["state"],
        command["result"]["response"],
    )
    assert "incomplete" not in (await server.list_results())[1]


@pytest.mark.parametrize("piece", [b"", b'{"respon', b'{"response":{}}', b"[1]"])
async def test_stalled(
    server: LocalServer, send_slowly: SlowSender, piece: bytes
) -> None:
    """
    A body of which no byte comes any more is 408, even if it could be read.
    """
    command_id = await hand_out(server)

    answer = await send_slowly(f"{HEAD}Content-Length: 99\r\n\r\n".encode() + piece)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    await expect_open(server, command_id, piece)


async def test_stalled_amid_chunks(
    server: LocalServer, send_slowly: SlowSender
) -> None:
    """
    The same holds for chunks of which the last one is missing.
    """
    command_id = await hand_out(server)
    chunks = b"f\r\n" + b'{"response":{}}' + b"\r\n"

    answer = await send_slowly(
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(), chunks
    )

    assert answer.startswith(b"HTTP/1.1 408 ")
    await expect_open(server, command_id, b'{"response":{}}')


@pytest.mark.parametrize("piece", [b'{"respon', b'{"response":{}}'])
async def test_cut_off(server: LocalServer, piece: bytes) -> None:
    """
    What came at the same moment as the connection's end is kept, and ends nothing.
    """
    command_id = await hand_out(server)
    async with server.connect() as (_, writer):
        writer.write(f"{HEAD}Content-Length: 99\r\n\r\n".encode() + piece)
        writer.close()

    async def kept() -> bool:
        return bool(await server.list_results())

    await wait_until(kept)
    await expect_open(server, command_id, piece)


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD.encode() + b"\r\n" + WHOLE],
        [HEAD.encode() + b"\r\n", WHOLE],
        [HEAD.encode() + b"\r\n", WHOLE[:5], WHOLE[5:]],
        [HEAD[:30].encode(), HEAD[30:].encode() + b"\r\n", b"error=x"],
        [HEAD.replace("HTTP/1.1", "HTTP/1.0").encode() + b"\r\n", WHOLE],
    ],
)
async def test_not_announced(
    server: LocalServer, send_slowly: SlowSender, pieces: list[bytes]
) -> None:
    """
    A body without a Content-Length is 411, and not an empty success.
    """
    command_id = await hand_out(server)

    answer = await send_slowly(*pieces)

    assert b" 411 " in answer.splitlines()[0]
    assert 1 == answer.count(b"HTTP/1.")
    (kept,) = await server.list_results()
    assert kept["incomplete"] is True
    await server.post_result(WHOLE, QUERY)
    assert "SUCCESSFUL" == (await server.get_command(command_id))["state"]


@pytest.mark.parametrize("ending", [b"", b"\r\n"])
async def test_announced_nothing_and_sent_nothing(
    server: LocalServer, ending: bytes
) -> None:
    """
    A device that announces no body and sends none has answered with nothing.
    """
    command_id = await hand_out(server)
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(HEAD.encode() + b"\r\n" + ending)
        answer = await reader.readline()

    assert b"HTTP/1.1 200 OK\r\n" == answer
    assert "SUCCESSFUL" == (await server.get_command(command_id))["state"]


async def test_next_request_is_no_body(server: LocalServer) -> None:
    """
    The poll that follows a result without a body is a poll.
    """
    await hand_out(server)
    poll = (
        f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    answer = await server.send_raw(HEAD.encode() + b"\r\n" + poll.encode())

    assert 2 == answer.count(b"HTTP/1.1 200 OK")
    assert [None] == [r.get("incomplete") for r in await server.list_results()]


async def test_other_calls_of_devices(send_slowly: SlowSender) -> None:
    """
    What a device sends besides is no success either unless it arrived whole.
    """
    start = f"POST /api/notifications/door?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n"

    answer = await send_slowly(f"{start}Content-Length: 9\r\n\r\n{{".encode())

    assert answer.startswith(b"HTTP/1.1 408 ")


PROGRAM = (
    f"POST /api/v1/devices/{DEVICE}/commands{{query}} HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: {{type}}\r\n"
)
JSON_CALL = PROGRAM.format(query="", type="application/json")
BYTES_CALL = PROGRAM.format(
    query="?endpoint=user_set_image", type="application/octet-stream"
)


@pytest.mark.parametrize("call", [JSON_CALL, BYTES_CALL])
@pytest.mark.parametrize(
    ("length", "status"), [("Content-Length: 99\r\n", 408), ("", 411)]
)
async def test_programs(
    server: LocalServer, send_slowly: SlowSender, call: str, length: str, status: int
) -> None:
    """
    A program is told the same, and nothing is enqueued.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await send_slowly(f"{call}{length}\r\n".encode(), b'{"endpoint":')

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    listed: dict[str, Any] = (await server.api("GET", "/commands")).json()
    assert [] == listed["items"]


@pytest.mark.parametrize("path", ["/device_is_alive.fcgi", "/api/notifications/door"])
@pytest.mark.parametrize("length", ["", "Content-Length: 0\r\n"])
async def test_other_calls_not_announced(
    server: LocalServer, path: str, length: str
) -> None:
    """
    Such a body is 411 at every address, and nothing that follows is taken for it.
    """
    head = f"POST {path}?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n{length}\r\n"
    second = f"{HEAD}Content-Length: {len(WHOLE)}\r\n\r\n".encode() + WHOLE

    answer = await server.send_raw(head.encode() + b"{}" + second)

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"connection: close" in answer.lower()
    assert 1 == answer.count(b"HTTP/1.1 ")


async def test_more_than_nothing(server: LocalServer) -> None:
    """
    A body behind a Content-Length of 0 is not an empty success.
    """
    command_id = await hand_out(server)

    answer = await server.send_raw(f"{HEAD}Content-Length: 0\r\n\r\n".encode() + WHOLE)

    assert answer.startswith(b"HTTP/1.1 411 ")
    await expect_open(server, command_id, WHOLE)
