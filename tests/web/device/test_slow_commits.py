"""The disk takes long to say that a command is handed out."""

import asyncio
import sqlite3

import pytest

from tests.each_case import each_case
from tests.web.local_server import OPEN_DOOR, LocalServer, wait_until

pytestmark = pytest.mark.only_on("sqlite")


@each_case(("device", "header"), [(501, "X: of the lane"), (502, "Via: 1.1 proxy")])
async def test_expired_meanwhile(
    server: LocalServer, database: str, device: int, header: str
) -> None:
    """
    A door whose time is over before its commit is through stays shut, and is EXPIRED.
    """
    await server.api("PUT", f"/devices/{device}", {})
    await server.poll(f"deviceId={device}")
    command = await server.enqueue({**OPEN_DOOR, "expiresIn": 30}, device)
    disk = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
    disk.execute("BEGIN IMMEDIATE")
    poll = f"GET /push?deviceId={device} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n"
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(poll.encode())
        await wait_until(lambda: _is_handed_out(server, device))
        server.clock.tick(seconds=31)
        disk.rollback()
        head = await reader.readuntil(b"\r\n\r\n")
    disk.close()
    await server.services.lanes.background_tasks.wait_all()
    await server.expire_overdue()

    assert b"Content-Length: 0\r\n" in head
    assert "EXPIRED" == (await server.get_command(command["id"]))["state"]


def _is_handed_out(server: LocalServer, device: int) -> bool:
    lane = server.services.store.cached_lane(device)
    return lane is not None and bool(lane.in_flights)
