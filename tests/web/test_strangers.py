"""Whoever or what was not let in: the beginning of the body is read, and no more."""

import asyncio

import pytest

from tests.web.local_server import DEVICE, TOKEN, LocalServer

LIMIT = 4096
RESULT = f"POST /result?deviceId={DEVICE} HTTP/1.1\r\n"
WITH_TOKEN = f"HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n"
COMMANDS = f"/api/v1/devices/{DEVICE}/commands {WITH_TOKEN}"
KEY = f"/api/v1/devices/{DEVICE}/key {WITH_TOKEN}"
REQUESTS = {
    "unknown path": f"POST /anything?deviceId={DEVICE} HTTP/1.1\r\n",
    "unknown device": RESULT,
    "no token": "POST /api/v1/devices/1/commands HTTP/1.1\r\n",
    "bad token": "PUT /api/v1/devices/1 HTTP/1.1\r\nAuthorization: Bearer x\r\n",
    "no such call": "DELETE /api/v1/commands HTTP/1.1\r\n",
    "other type": f"POST {COMMANDS}Content-Type: text/plain\r\n",
    "no type": f"POST {COMMANDS}",
    "other type of an optional body": f"POST {KEY}Content-Type: text/plain\r\n",
    "compressed": f"POST {COMMANDS}Content-Type: application/json\r\n"
    "Content-Encoding: gzip\r\n",
    "login": "POST /v1/authentication/user HTTP/1.1\r\nContent-Type: x\r\n",
}
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def ask(server: LocalServer, start: str, size: int) -> bytes:
    """Send a request with a body, and another one; return all that is answered."""
    head = f"{start}Host: x\r\nContent-Length: {size}\r\n\r\n"
    return await server.send_raw(head.encode() + bytes(size) + NEXT)


@pytest.mark.parametrize("start", REQUESTS.values(), ids=REQUESTS)
async def test_short_body(server: LocalServer, start: str) -> None:
    """
    Up to 4 kB are read, and the connection stays.
    """
    answer = await ask(server, start, LIMIT)

    assert 2 == answer.count(b"HTTP/1.1 ")
    assert answer.endswith(b"\r\n\r\nok\n")


@pytest.mark.parametrize("start", REQUESTS.values(), ids=REQUESTS)
async def test_long_body(server: LocalServer, start: str) -> None:
    """
    One byte more, and the connection is closed.
    """
    answer = await ask(server, start, LIMIT + 1)

    assert 1 == answer.count(b"HTTP/1.1 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("start", REQUESTS.values(), ids=REQUESTS)
async def test_answered_without_the_rest(server: LocalServer, start: str) -> None:
    """
    The answer comes before the body: nobody waits for the rest of it.
    """
    head = f"{start}Host: x\r\nContent-Length: 60000000\r\n\r\n"
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(head.encode() + bytes(LIMIT + 1))

        assert (await reader.readline()).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("start", [REQUESTS["unknown path"], RESULT])
async def test_beginning_is_kept(server: LocalServer, start: str) -> None:
    """
    Of a device that somebody adopted, the beginning is there to be looked at.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.api("POST", f"/devices/{DEVICE}/key", {"enforce": True})

    await ask(server, start, 2_000_000)

    (call,) = (await server.get_device())["unknownCalls"]["last"]
    assert LIMIT == len(call["body"])


async def test_chunks(server: LocalServer) -> None:
    """
    The same holds for a body that does not say how long it is.
    """
    chunk = b"2000\r\n" + bytes(0x2000) + b"\r\n"
    head = f"{RESULT}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    answer = await server.send_raw(head + chunk * 9)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("size", [100, 2_000_000])
async def test_late_result(server: LocalServer, size: int) -> None:
    """
    A result of any size counts if its address names a delivery that waits for it.
    """
    command = await server.enqueue()
    query = f"deviceId={DEVICE}&uuid=u1"
    await server.poll(query)
    await server.api("DELETE", f"/devices/{DEVICE}")
    body = b'{"response":' + b" " * size + b"{}}"

    assert (await server.post_result(body, query)).is_empty

    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


@pytest.mark.parametrize("uuid", ["u2", ""])
async def test_result_that_nobody_waits_for(server: LocalServer, uuid: str) -> None:
    """
    Without such a delivery nothing of it is kept, however short it is.
    """
    await server.enqueue()
    await server.poll(f"deviceId={DEVICE}&uuid=u1")
    await server.api("DELETE", f"/devices/{DEVICE}")

    answer = await server.post_result(query=f"deviceId={DEVICE}&uuid={uuid}")

    assert answer.is_empty
    assert [] == await server.list_results()


async def test_token_is_asked_first(server: LocalServer) -> None:
    """
    A token without the permission is told so before it has sent anything.
    """
    secret = await server.create_token("devices:read")

    status_line = await server.announce_import(secret)

    assert status_line.startswith(b"HTTP/1.1 403 ")
    assert TOKEN != secret
