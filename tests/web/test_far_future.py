"""A wall clock past the year 2262, of which Python's functions tell no time."""

import asyncio
import time

import pytest

from tests.each_case import each_case
from tests.web.local_server import TOKEN, LocalServer


def _fail() -> int:
    raise OverflowError


@each_case(
    "path",
    [
        "/healthz",
        "/metrics",
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/openapi.json",
        "/api/v1/devices",
        "/api/v1/events",
        "/v1/nothing",
        "/console/login",
        "/push?deviceId=1",
    ],
)
async def test_answered(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """
    Whatever is asked is answered, as if it were the last instant that Python knows.
    """
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    with monkeypatch.context() as clocks:
        clocks.setattr(time, "time", _fail)
        clocks.setattr(time, "time_ns", _fail)
        clocks.setattr("pushserver.clock._since_boot", lambda: 0)
        async with server.connect() as (reader, writer), asyncio.timeout(5):
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")

    assert b"\r\nDate: Fri, 11 Apr 2262 23:47:16 GMT\r\n" in answer
