"""A held poll is contact, and programs are told nothing else."""

import asyncio

import aiohttp
import pytest

from pushserver.client import Client
from pushserver.client.types import CommandInput
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.program import Program

ME, AWAY = str(DEVICE), str(DEVICE + 1)
LOAD_USERS: CommandInput = {"endpoint": "load_objects", "body": {"object": "users"}}


@pytest.mark.proof_on("postgres")
async def test_no_warning_while_held(
    server: Program, api: Client, device_of: MakeDevice, session: aiohttp.ClientSession
) -> None:
    """
    A device that polled often, and whose poll is held now, is not said to be away.
    """
    device = device_of(server)
    waiting = await api.commands.enqueue(AWAY, LOAD_USERS)
    await api.devices.put(ME)
    for _ in range(3):
        await device.poll()
    await api.devices.patch(ME, hold=20)
    held = asyncio.create_task(device.poll_command())
    # The server waits for longer than three periods, a second each at the least.
    path = f"{server.url}/api/v1/commands/{waiting['id']}?wait=4"
    headers = {"Authorization": f"Bearer {server.token}"}
    async with session.get(path, headers=headers) as answer:
        assert "PENDING" == (await answer.json())["state"]

    command = await api.commands.enqueue(ME, LOAD_USERS)
    assert "warnings" not in command
    assert 200 == await device.execute_and_post(await held)
