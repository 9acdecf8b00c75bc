"""Devices that answer at once: whoever listens still gets every state, in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pushserver.client import Client
from pushserver.client.types import CommandInput
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.program import Program

LOAD_USERS: CommandInput = {"endpoint": "load_objects", "body": {"object": "users"}}
COMMANDS = 20
SETTINGS = {
    "webhook_allow_http": "true",
    "webhook_allow_networks": "127.0.0.0/8",
}


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[str, asyncio.Queue[dict[str, Any]]]]:
    """Have a receiver for the length of the block: its URL, and what came."""
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        received.put_nowait((await request.json())["notify_data"]["body"])
        return web.Response(status=204)

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/", received
    finally:
        await runner.cleanup()


async def subscribe(program: Program, url: str) -> None:
    """Subscribe *url* to the states of commands as IoTDA writes them."""
    body = {"url": url, "events": ["command.status"], "format": "iotda"}
    headers = {"Authorization": f"Bearer {program.token}"}
    path = f"{program.url}/api/v1/subscriptions"
    async with (
        aiohttp.ClientSession() as session,
        session.post(path, json=body, headers=headers) as answer,
    ):
        assert 201 == answer.status, await answer.text()


@pytest.mark.proof_on("postgres")
async def test_delivered_comes_before_the_end(
    program: Program, device_of: MakeDevice
) -> None:
    """
    A device that answers within 0 ms skips no state in the events of its commands.
    """
    program.start(**SETTINGS)
    device = device_of(program)
    async with (
        receiving() as (url, received),
        Client(program.url, program.token) as api,
    ):
        await subscribe(program, url)
        for _ in range(COMMANDS):
            await api.commands.enqueue(str(DEVICE), LOAD_USERS)
            assert 200 == await device.execute_and_post(await device.poll_command())
        async with asyncio.timeout(30):
            bodies = [await received.get() for _ in range(4 * COMMANDS)]

    states: dict[str, list[str]] = {}
    for body in bodies:
        states.setdefault(body["command_id"], []).append(body["status"])
    expected = ["PENDING", "SENT", "DELIVERED", "SUCCESSFUL"]
    assert [expected] * COMMANDS == list(states.values())
    delivered = [b for b in bodies if b["status"] in ("DELIVERED", "SUCCESSFUL")]
    assert all(
        b["sent_time"] <= b["delivered_time"] <= b.get("response_time", "9")
        for b in delivered
    )
