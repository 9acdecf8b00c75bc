"""How long a stop takes: bodies and answers share one deadline."""

import asyncio
import time

import pytest
from yarl import URL

from pushserver.web import server as web_server
from tests.clock import ManualClock
from tests.web.local_server import DEVICE, running_server

#: Seconds that a stop may take here; one of them is for answers alone.
LIMIT = 1.2


@pytest.mark.only_on("sqlite")
async def test_body_without_end(
    database: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that never ends leaves time for the answers within that of the stop."""
    monkeypatch.setattr(web_server, "SHUTDOWN_TIMEOUT", LIMIT)
    head = f"POST /result?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n"
    async with running_server(database, clock) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        url = URL(server.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"{head}Content-Length: 99999\r\n\r\nx".encode())
        await server.get_device()
        flowing = asyncio.create_task(_flow(writer))
        started_at = time.monotonic()
        answered = asyncio.create_task(_answer(reader))
    flowing.cancel()
    writer.close()
    answered_at, status_line = await answered

    assert b"HTTP/1.1 503 Service Unavailable\r\n" == status_line
    assert answered_at - started_at < LIMIT


async def _answer(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    """Return when the answer came, and its first line."""
    status_line = await reader.readline()
    return time.monotonic(), status_line


async def _flow(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for ever."""
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)
