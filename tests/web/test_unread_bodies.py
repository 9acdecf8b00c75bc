"""Bodies that nobody reads: how they end is no failure."""

import asyncio
import logging

import pytest

from tests.each_case import each_case
from tests.web.local_server import TOKEN, LocalServer

API = "/api/v1"
ENQUEUE = f"POST {API}/devices/5/commands HTTP/1.1\r\n"


@each_case(
    "head",
    [
        f"{ENQUEUE}Content-Length: 300\r\n",
        f"{ENQUEUE}Authorization: Bearer x\r\nContent-Length: 300\r\n",
        f"{ENQUEUE}Authorization: Bearer {TOKEN}\r\nContent-Type: a/b\r\n"
        "Content-Length: 9000\r\n",
        f"GET {API}/devices HTTP/1.1\r\nContent-Length: 300\r\n",
        f"POST {API}/nothing HTTP/1.1\r\nContent-Length: 300\r\n",
        "GET /push?deviceId=5 HTTP/1.1\r\nContent-Length: 300\r\n",
    ],
)
async def test_broken_off(
    server: LocalServer, caplog: pytest.LogCaptureFixture, head: str
) -> None:
    """
    Of a body that nobody reads it does not matter how it ends: it is answered as
    otherwise, and nothing is in the log of the library that serves.
    """
    caplog.clear()
    for ends_late in (False, True):
        async with server.connect() as (reader, writer), asyncio.timeout(15):
            writer.write(f"{head}Host: x\r\n\r\n".encode() + b'{"a"')
            answer = await reader.readline() if ends_late else b""
            writer.write_eof()
            answer += await reader.read()
        assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4"))

    assert [] == [each for each in caplog.records if each.levelno >= logging.ERROR]
