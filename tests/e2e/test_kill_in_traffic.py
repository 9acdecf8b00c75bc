"""Killed again and again in the middle of everything: promises are kept."""

import asyncio
import itertools
from collections import Counter
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest

from pushserver.client import Client, ClientError, iter_items
from pushserver.simulate import ReceivedCommand, SimulatedDevice
from tests.e2e.conftest import MakeDevice
from tests.program import Program

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput

DEVICES = range(101, 109)
AWAY = (aiohttp.ClientError, OSError, TimeoutError)


@attrs.define
class Acknowledged:
    """What was acknowledged, and what devices got: by the number in its body."""

    enqueued: dict[int, str] = attrs.Factory(dict)
    received: Counter[int] = attrs.Factory(Counter)
    answered: set[int] = attrs.Factory(set)
    numbers: "itertools.count[int]" = attrs.Factory(itertools.count)

    async def program(self, api: Client, rng: Random) -> None:
        """Enqueue without end; every second command may go out once only."""
        while True:
            number = next(self.numbers)
            command: CommandInput = {
                "endpoint": "message_to_screen",
                "body": {"message": "x", "n": number},
                "delivery": "atMostOnce" if number % 2 else "atLeastOnce",
            }
            device_id = str(rng.choice(DEVICES))
            self.enqueued[number] = (await api.commands.enqueue(device_id, command))[
                "id"
            ]

    async def device(self, device: SimulatedDevice) -> None:
        """Poll and answer without end."""
        while True:
            order = await device.poll()
            if order is not None:
                await self._answer(device, order)

    async def _answer(self, device: SimulatedDevice, order: ReceivedCommand) -> None:
        number = order.body["n"]
        self.received[number] += 1
        if await device.execute_and_post(order) == 200:
            self.answered.add(number)


async def traffic(
    program: Program, promises: Acknowledged, make: MakeDevice, rng: Random
) -> None:
    """Let programs and devices loose, and kill the server in the middle."""
    async with Client(program.url, program.token, retry_for=0) as api:
        devices = [make(program, each, no_uuid=each % 2 == 0) for each in DEVICES]
        tasks = [asyncio.create_task(promises.program(api, rng)) for _ in range(4)]
        tasks += [asyncio.create_task(promises.device(each)) for each in devices]
        await asyncio.sleep(rng.uniform(0.2, 0.9))
        await asyncio.to_thread(program.kill)
        for task in tasks:
            with suppress(ClientError, *AWAY):
                await asyncio.wait_for(task, 30)


@pytest.mark.proof_on("postgres")
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.proof)])
async def test_promises(program: Program, device_of: MakeDevice, seed: int) -> None:
    """
    Every acknowledged command is there, none that may go out once was told twice, and
    every acknowledged result ended its command.
    """
    rng, promises = Random(seed), Acknowledged()  # noqa: S311 - it must repeat
    rounds = 0
    while rounds < 4 or len(promises.answered) <= 50:
        program.start(response_timeout=2, grace=0.2)
        await traffic(program, promises, device_of, rng)
        rounds += 1
    program.start()
    async with Client(program.url, program.token) as api:
        with_bodies = partial(api.commands.list, include="body")
        stored: dict[str, Any] = {
            each["id"]: each async for each in iter_items(with_bodies)
        }

    by_number = {each["body"]["n"]: each for each in stored.values()}
    assert set(promises.enqueued.values()) <= set(stored)
    twice = {number for number, times in promises.received.items() if times > 1}
    assert not {number for number in twice if number % 2}
    assert {"SUCCESSFUL"} == {by_number[n]["state"] for n in promises.answered}
    assert all(by_number[n]["result"]["response"] == {} for n in promises.answered)
