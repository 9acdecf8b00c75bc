"""Restarted in each state: everything is as it was."""

import asyncio
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from pushserver.client import Client
from pushserver.client.types import CommandInput
from pushserver.simulate import ExecutionResult, SimulatedDevice
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR
from tests.program import Program
from tests.web.local_server import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

HASTY = {"response_timeout": 1, "grace": 0.1}


async def every_state(program: Program, api: Client, make: MakeDevice) -> list[str]:
    """Bring one command into each state, each at a device of its own."""
    ids: list[str] = []

    async def add(command: CommandInput) -> SimulatedDevice:
        device_id = DEVICE + len(ids)
        ids.append((await api.commands.enqueue(str(device_id), command))["id"])
        return make(program, device_id)

    await add(LOAD_USERS)
    await add({**LOAD_USERS, "notBefore": "2100-01-01T00:00:00Z"})
    await (await add({**LOAD_USERS, "responseTimeout": 600})).poll_command()
    good = await add(LOAD_USERS)
    await good.execute_and_post(await good.poll_command())
    bad = await add(OPEN_DOOR)
    await bad.execute_and_post(await bad.poll_command(), ExecutionResult(error="no"))
    await (await add(OPEN_DOOR)).poll_command()
    await add({**LOAD_USERS, "expiresIn": 0.001})
    await add(LOAD_USERS)
    await api.commands.cancel(ids[-1])
    await api.commands.get(ids[5], wait=10)
    await api.commands.get(ids[6], wait=10)
    await _recorded(api, ids[2])
    return ids


async def _recorded(api: Client, command_id: str) -> None:
    """Wait until it is recorded that the answer was written."""

    async def delivered() -> bool:
        return bool("DELIVERED" == (await api.commands.get(command_id))["state"])

    await wait_until(delivered)


STATES = [
    "PENDING",
    "PENDING",
    "DELIVERED",
    "SUCCESSFUL",
    "FAILED",
    "TIMEOUT",
    "EXPIRED",
    "CANCELED",
]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_every_state(program: Program, device_of: MakeDevice, end: str) -> None:
    """
    Commands, deliveries and results are the same after a stop and after a kill.
    """
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        ids = await every_state(program, api, device_of)
        before = [await api.commands.get(each) for each in ids]
        results = (await api.results.list())["items"]
    await asyncio.to_thread(getattr(program, end))
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        after = [await api.commands.get(each) for each in ids]
        results_after = (await api.results.list())["items"]

    assert STATES == [command["state"] for command in before]
    assert before == after
    assert results == results_after


@pytest.mark.proof_on("postgres")
async def test_life_goes_on(program: Program, device_of: MakeDevice) -> None:
    """
    After a restart what waits is handed out, what is with its device can be answered,
    and keys, tokens and devices are what they were.
    """
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        await every_state(program, api, device_of)
        order = await device_of(program, 7, no_uuid=True).poll()
        assert order is None
        await api.devices.put("7", name="x", tags={"a": "b"}, hold=2)
        key = (await api.devices.create_key("7", enforce=True))["key"]
        token = (await api.tokens.create("reader", ["devices:read"]))["token"]
    await asyncio.to_thread(program.kill)
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        assert "load_objects" == (await device_of(program).poll_command()).endpoint
        await api.commands.enqueue("7", OPEN_DOOR)
        assert await device_of(program, 7).poll() is None
        device = device_of(program, 7)
        device.http = attrs.evolve(device.http, key=key)
        assert "execute_actions" == (await device.poll_command()).endpoint
    async with Client(program.url, token) as api:
        device_now: Mapping[str, Any] = await api.devices.get("7")

    names = ("name", "tags", "hold", "keyed", "keyEnforced")
    assert ["x", {"a": "b"}, 2, True, True] == [device_now[name] for name in names]


async def test_idempotency_over_a_restart(program: Program) -> None:
    """
    A program that asks again after the server was killed gets the same answer.
    """
    once = "k1"
    program.start()
    async with Client(program.url, program.token) as api:
        first = await api.commands.enqueue("1", OPEN_DOOR, idempotency_key=once)
    program.kill()
    program.start()
    async with Client(program.url, program.token) as api:
        again = await api.commands.enqueue("1", OPEN_DOOR, idempotency_key=once)
        commands = (await api.commands.list())["items"]

    assert first == again
    assert 1 == len(commands)
