"""Devices on plain sockets: old HTTP, odd headers, broken and slow connections."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from pushserver.web import body, server
from tests.web.local_server import DEVICE, LocalServer, wait_until

QUERY = f"deviceId={DEVICE}"
POST = f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(name="impatient")
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the deadlines, but not below what a stalled machine needs to answer."""
    monkeypatch.setattr(server, "HEADER_TIMEOUT", 0.25)
    monkeypatch.setattr(server, "_SWEEP_INTERVAL", 0.01)
    monkeypatch.setattr(body, "BODY_IDLE_TIMEOUT", 0.25)


@pytest.mark.parametrize("line", ["", "Host: x\r\n", "Connection: close\r\n"])
async def test_old_http(server: LocalServer, line: str) -> None:
    """
    HTTP/1.0 is spoken: an answer with a length, and the connection ends.
    """
    await server.enqueue()

    polled = await server.send_raw(f"GET /push?{QUERY} HTTP/1.0\r\n{line}\r\n".encode())
    idle = await server.send_raw(f"GET /push?{QUERY} HTTP/1.0\r\n{line}\r\n".encode())

    head, _, order = polled.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert b"transfer-encoding" not in head.lower()
    assert f"content-length: {len(order)}".encode() in head.lower()
    assert b'"endpoint":"load_objects"' in order
    assert b"content-length: 0" in idle.lower()


UNUSUAL_HEADERS = (
    b"",
    b"x-lower:\tx \r\n",
    b"User-Agent: \xe7\xf3\xff\r\n",
    b"X-Empty:\r\nX-Long: " + b"x" * 7000 + b"\r\n",
    b"Cookie: ;;=;a\r\nAuthorization: Basic ???\r\n",
    b"Content-Type: ;;;\r\nAccept: */*;q=x\r\n",
    b"Accept-Encoding: gzip, br\r\nRange: bytes=0-1\r\n",
    b"If-None-Match: *\r\nIf-Modified-Since: yesterday\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: something\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAA\r\n",
    b"Content-Length: 0\r\n",
)


@pytest.mark.parametrize("headers", UNUSUAL_HEADERS)
async def test_odd_headers(server: LocalServer, headers: bytes) -> None:
    """
    No header that a device may send keeps it from its command.
    """
    await server.enqueue()
    start = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()

    answer = await server.send_raw(start + headers + b"\r\n")

    assert b"HTTP/1.1 200 OK" in answer
    assert b'"endpoint":"load_objects"' in answer


async def test_absolute_address(server: LocalServer) -> None:
    """
    A request as proxies write it, with the whole address, is taken.
    """
    await server.enqueue()
    start = (
        f"GET http://example.org:80/x/push?{QUERY} HTTP/1.1\r\nHost: example.org\r\n"
    )

    answer = await server.send_raw(f"{start}Connection: close\r\n\r\n".encode())

    assert b'"endpoint":"load_objects"' in answer


async def test_many_on_one_connection(server: LocalServer) -> None:
    """
    Five hundred polls, sent at once on one connection, are all answered.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    poll = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = poll.replace(b"Host: x", b"Host: x\r\nConnection: close")

    answer = await server.send_raw(poll * 499 + last)

    assert 500 == answer.count(b"HTTP/1.1 200 OK")


async def test_slow_but_steady(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A body may come byte by byte, as long as some come.
    """
    # Long enough for a machine that does something else for a moment.
    monkeypatch.setattr(body, "BODY_IDLE_TIMEOUT", 0.5)
    command = await server.enqueue()
    await server.poll(QUERY)
    text = b'{"response":' + b" " * 28 + b"{}}"
    async with server.connect() as (reader, writer):
        writer.write(f"{POST}Content-Length: {len(text)}\r\n\r\n".encode())
        for place in range(len(text)):
            writer.write(text[place : place + 1])
            await asyncio.sleep(0.025)
        answer = await reader.readline()

    assert b" 200 " in answer
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


@pytest.mark.parametrize("text", ['{"response":{}}', '{"response":{"us', ""])
async def test_broken_in_the_middle(server: LocalServer, text: str) -> None:
    """
    What came before the connection broke is stored: nothing that was posted is lost.
    """
    await server.enqueue()
    await server.poll(QUERY)
    async with server.connect() as (_, writer):
        writer.write(f"{POST}Content-Length: 100\r\n\r\n{text}".encode())
        await writer.drain()
        await wait_until(lambda: _arriving(server))
        writer.close()

    assert 1 == len(await posted(server, 1))


async def posted(server: LocalServer, results: int) -> list[dict[str, Any]]:
    """Return the results, as soon as there are so many, or what came in two seconds."""

    async def all_there() -> bool:
        return len(await server.list_results()) >= results

    with suppress(TimeoutError):
        await wait_until(all_there, within=2)
    return await server.list_results()


def _arriving(server: LocalServer) -> bool:
    lane = server.services.store.cached_lane(DEVICE)
    return lane is not None and lane.in_flight is not None and lane.in_flight.is_busy


@pytest.mark.parametrize("goodbye", ["close", "write_eof", "abort"])
async def test_posts_and_hangs_up(server: LocalServer, goodbye: str) -> None:
    """
    A device that hangs up right after its result was sent has not posted in vain.
    """
    commands = []
    for number in range(20):
        device_id = DEVICE + number
        commands.append(await server.enqueue(device_id=device_id))
        await server.poll(f"deviceId={device_id}")
        async with server.connect() as (reader, writer):
            writer.write(
                f"POST /result?deviceId={device_id} HTTP/1.1\r\nHost: x\r\n"
                'Content-Length: 15\r\n\r\n{"response":{}}'.encode()
            )
            await writer.drain()
            if goodbye == "abort":
                await asyncio.sleep(0)
            else:
                getattr(writer, goodbye)()
                await reader.read()

    assert len(commands) == len(await posted(server, len(commands)))
    states = [(await server.get_command(each["id"]))["state"] for each in commands]
    assert ["SUCCESSFUL"] * len(commands) == states


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "opening", [b"", b"GET", b"GET /push?deviceId=1 HTTP/1.1\r\nA: b"]
)
async def test_half_a_header(opening: bytes, server: LocalServer) -> None:
    """
    A connection without a header, or with half of one, is closed at the deadline.
    """
    assert b"" == await server.send_raw(opening)


@pytest.mark.usefixtures("impatient")
async def test_half_a_header_later(server: LocalServer) -> None:
    """
    The same holds for the second request of a connection.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET /pu")
        rest = await reader.read()

    assert b"HTTP/1.1 200 OK" in answer
    assert b"" == rest


@pytest.mark.usefixtures("impatient")
async def test_held_is_not_slow(server: LocalServer) -> None:
    """
    A held poll outlives the deadline of headers.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    async with server.connect() as (reader, writer):
        writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await server.wait_for_held_polls(1)
        # One that came later is closed at its deadline.
        assert b"" == await server.send_raw(b"GET")
        await server.enqueue()
        answer = await reader.readline()

    assert b" 200 " in answer


@pytest.mark.parametrize("more", ["\r\n", "\n", "\r\n\r\n"])
@pytest.mark.parametrize(
    "start", ["HTTP/1.0", "HTTP/1.1", "HTTP/1.1\r\nConnection: close"]
)
async def test_line_feeds_after_the_end(
    server: LocalServer, start: str, more: str
) -> None:
    """
    Line feeds after the body, which old clients send, do no harm.
    """
    command = await server.enqueue()
    await server.poll(QUERY)
    request = f"POST /result?{QUERY} {start}\r\nHost: x\r\nContent-Length: 15\r\n\r\n"
    async with server.connect() as (reader, writer):
        writer.write(f'{request}{{"response":{{}}}}{more}'.encode())
        answer = await reader.readline()

    assert b" 200 " in answer
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


async def test_longer_than_announced(server: LocalServer) -> None:
    """
    What comes after the announced length is not part of the result, and does no harm.
    """
    command = await server.enqueue()
    await server.poll(QUERY)
    async with server.connect() as (reader, writer):
        writer.write(f"{POST}Content-Length: 5\r\n\r\n".encode() + b'{"response":{}}')
        answer = await reader.readline()

    assert b"HTTP/1.1 200 OK\r\n" == answer
    raw_result = await server.api("GET", f"/commands/{command['id']}/result")
    assert b'{"res' == raw_result.body


@pytest.mark.parametrize("path", ["/result", "/x/result", "/d/key/push/result"])
async def test_asks_first(server: LocalServer, path: str) -> None:
    """
    A device that asks whether it may send its body gets a 100 Continue.
    """
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(
            f"POST {path}?{QUERY} HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b'{"response":{}}')
        answer = await reader.readline()

    assert b"HTTP/1.1 100 Continue\r\n\r\n" == head
    assert b"HTTP/1.1 200 OK\r\n" == answer


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/push", "/healthz"])
async def test_head_has_no_body(server: LocalServer, path: str) -> None:
    """
    HEAD is answered without a body, so that the next answer is found.
    """
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readline()

    assert b"HTTP/1.1 200 OK\r\n" == answer
