"""What the parser of HTTP refuses: a problem document, a count, and nobody's error."""

import asyncio
import json
from contextlib import suppress

import pytest
import structlog

from pushserver.web import paced
from tests.each_case import each_case
from tests.web.local_server import DEVICE, TOKEN, LocalServer, wait_until

QUERY = f"deviceId={DEVICE}"
CHUNKED = (
    f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
)
#: (status, what is sent); whatever of it is a secret says so.
REFUSED = (
    (400, f"GET /push?{QUERY}&x=secret HTTP/1.1\r\n\r\n"),
    (400, f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\nHost: secret\r\n\r\n"),
    (400, "the secret of somebody\r\n\r\n"),
    (400, "GET /secret HTTP/3.0\r\nHost: x\r\n\r\n"),
    (400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (400, "\x16\x03\x01\x00\xa5\x01secret"),
    (400, "GET secret HTTP/1.1\r\nHost: x\r\n\r\n"),
    (400, "GET http://[secret HTTP/1.1\r\nHost: x\r\n\r\n"),
    (400, f"GET /push?{QUERY} HTTP/1.1\nHost: secret\n\n"),
    (400, f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\nX: secret\0\r\n\r\n"),
    (400, f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\nthe secret: x\r\n\r\n"),
    (400, f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\nsecret\r\n\r\n"),
    (431, f"GET /push HTTP/1.1\r\nHost: x\r\nX: {'secret' * 17_000}\r\n\r\n"),
    (431, f"GET /{'secret' * 17_000} HTTP/1.1\r\nHost: x\r\n\r\n"),
    (431, "GET /push HTTP/1.1\r\nHost: x\r\n" + "X: secret\r\n" * 900 + "\r\n"),
    (400, f"{CHUNKED}secret\r\n"),
    (400, f"{CHUNKED}3\r\nabc\r\nsecret\r\n"),
    (400, CHUNKED + f"6;{'secret' * 40}\r\nsecret\r\n" * 3 + "secret\r\n"),
    (400, CHUNKED + "1\r\ns\r\n0\r\n" + "X: secret\r\n" * 129 + "\r\n"),
    (400, CHUNKED + "1\r\ns\r\n" * 2_000),
    (400, CHUNKED + f"6;{'secret' * 50}\r\nsecret\r\n" * 100),
    (400, CHUNKED.replace("chunked", "secret") + "0\r\n\r\n"),
    (400, CHUNKED.replace("\r\n\r\n", "\r\nContent-Length: 6\r\n\r\nsecret")),
    (400, f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\nContent-Length: -6\r\n\r\n"),
)


@pytest.mark.parametrize(("status", "request_text"), REFUSED)
async def test_refused(server: LocalServer, status: int, request_text: str) -> None:
    """
    The answer is a problem that repeats nothing; the log has one line, at debug, with
    the sender's address.

    A request of which the body alone is nonsense has its own line beside it.
    """
    with structlog.testing.capture_logs() as logs:
        answer = await server.send_raw(request_text.encode("latin-1"))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert status == int(head.split()[1])
    assert b"Content-Type: application/problem+json" in head
    assert status == json.loads(body)["status"]
    assert b"secret" not in answer
    (line,) = (each for each in logs if each["event"] == "request.unparsable")
    assert ("debug", "127.0.0.1") == (line["log_level"], line["address"])
    assert {"request", "request.unparsable", "device.quarantined"} >= {
        each["event"] for each in logs
    }
    assert "secret" not in str(logs)
    counts = (await server.api("GET", "/server")).json()["counts"]
    assert 1 == counts["requests.unparsable"]


@pytest.mark.parametrize(
    "path", [f"/api/v1/devices/{DEVICE}/commands", "/_/devices/AQ/operations/_query"]
)
async def test_in_the_middle(server: LocalServer, path: str) -> None:
    """
    A body that turns into nonsense is refused at once, not after it stalled.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    counts = server.services.counts
    with structlog.testing.capture_logs() as logs:
        async with server.connect() as (reader, writer), asyncio.timeout(15):
            writer.write(head.encode())
            await reader.readuntil(b"100 Continue\r\n\r\n")
            writer.write(b"3\r\nabc\r\nsecret\r\n")
            await wait_until(lambda: counts["requests.unparsable"] == 1)
            answer = await reader.read()

    assert 1 == answer.count(b"HTTP/1.1 400 Bad Request")
    assert 1 == answer.count(b"HTTP/1.")
    assert 1 == counts["requests.unparsable"]
    assert {"request.unparsable": "debug", "request": "info"} == {
        line["event"]: line["log_level"] for line in logs
    }


async def test_tiny_chunks_that_are_few(server: LocalServer) -> None:
    """
    Tiny chunks are taken as long as they are not very many for what they hold.
    """
    large = f"40000\r\n{' ' * 0x40000}\r\n"
    chunks = ("1\r\n{\r\n", "1\r\n \r\n" * 800, large, "1\r\n \r\n" * 5_000)
    end = "1\r\n}\r\n0\r\n\r\n"
    head = CHUNKED.replace("Host: x", "Host: x\r\nConnection: close")

    answer = await server.send_raw((head + "".join(chunks) + end).encode())

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_dropped_slowly(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What comes after a refusal is dropped, but not as fast as somebody can send it.
    """
    monkeypatch.setattr(paced, "_DROP_INTERVAL", 0.5)
    size, sent = 200 * 65_536, 0
    async with server.connect() as (_, writer), asyncio.timeout(15):
        writer.write(
            b"POST /nothing HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: %d\r\n\r\n" % (65_536 * 1_000)
        )
        with suppress(ConnectionError):
            while sent < size:
                writer.write(bytes(65_536))
                await writer.drain()
                sent += 65_536

        assert sent < size


@each_case(
    "request_line",
    ["GET /healthz", "GET /nothing", "OPTIONS *", "GET /api/v1/openapi.json"],
)
async def test_no_versions(server: LocalServer, request_line: str) -> None:
    """
    No response says which server, of which version, sent it.
    """
    head = f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = await server.send_raw(head.encode())

    assert b"\r\nserver:" not in answer.partition(b"\r\n\r\n")[0].lower()


async def test_expectations(server: LocalServer) -> None:
    """
    An expectation that nobody knows is ignored in the API as elsewhere.
    """
    for path in ("/server", "/nothing"):
        expecting = await server.api("GET", path, headers={"Expect": "secret"})

        assert expecting.status in (200, 404)
        assert b"secret" not in expecting.body


async def test_unexpected(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What breaks before any handler is an internal error, and that is logged.
    """
    monkeypatch.setattr("pushserver.web.api.ENQUEUE_PATH", "a secret")

    answer = await server.request("POST", "/x")

    assert (500, "internal", None) == answer.problem
    assert "Server" not in answer.headers
    assert b"secret" not in answer.body
