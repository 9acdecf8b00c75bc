"""Programs and devices at many servers, and what each of them was promised."""

import asyncio
import itertools
from collections import Counter
from functools import partial
from random import Random
from typing import Any

import aiohttp
import attrs
from yarl import URL

from pushserver.client import Client, Json, iter_items
from tests.program import Program
from tests.web.local_server import wait_until

DEVICES = range(101, 117)
#: What both do when a server is away or says that the store is.
CONNECTION_ERRORS = (aiohttp.ClientError, OSError, TimeoutError)
_PAUSE = 0.05
#: Seconds between two polls of a device; often enough that there is always one.
_PERIOD = 0.1


@attrs.define(eq=False)
class Traffic:
    """
    Enqueues, polls and results at servers chosen at random.

    Every second command may go out once only; a program takes a *pause* after each. Who
    is not answered, or with 503, tries again: a program with the same key, a device
    with the same result.
    """

    servers: list[Program]
    session: aiohttp.ClientSession
    rng: Random
    devices: range = DEVICES
    pause: float = 0.0
    enqueued: dict[int, str] = attrs.Factory(dict)
    received: Counter[int] = attrs.Factory(Counter)
    answered: set[int] = attrs.Factory(set)
    statuses: Counter[tuple[str, int]] = attrs.Factory(Counter)
    failures: Counter[str] = attrs.Factory(Counter)
    stop: asyncio.Event = attrs.Factory(asyncio.Event)
    _numbers: "itertools.count[int]" = attrs.Factory(itertools.count)

    async def run(self, programs: int = 4) -> None:
        """Run all of them until *stop*; each finishes what it has started."""
        async with asyncio.TaskGroup() as group:
            for _ in range(programs):
                group.create_task(self._program())
            for each in self.devices:
                group.create_task(self._device(each))

    async def _program(self) -> None:
        while not self.stop.is_set():
            number = next(self._numbers)
            device = self.rng.choice(self.devices)
            self.enqueued[number] = await self._enqueue(number, device)
            await asyncio.sleep(self.pause)

    async def _enqueue(self, number: int, device: int) -> str:
        """Enqueue, again and again, until it is acknowledged."""
        command = {
            "endpoint": "message_to_screen",
            "body": {"message": "x", "n": number},
            "delivery": "atMostOnce" if number % 2 else "atLeastOnce",
            "responseTimeout": 60,
        }
        path = f"/api/v1/devices/{device}/commands"
        headers = {"Idempotency-Key": f"k{number}"}
        while True:
            status, created = await self._call(
                "POST", path, json=command, headers=headers
            )
            if status in (200, 201):
                return str(created["id"])
            await asyncio.sleep(_PAUSE)

    async def _device(self, device: int) -> None:
        while not self.stop.is_set():
            await self.poll(device)
            await asyncio.sleep(_PERIOD)

    async def poll(self, device: int) -> None:
        """Poll, and post the result of a command until that is acknowledged."""
        query = f"?deviceId={device}&uuid={self.rng.getrandbits(64):x}"
        _, order = await self._call("GET", f"/push{query}")
        if not order:
            return
        n = order["body"]["n"]
        self.received[n] += 1
        status = 0
        while status != 200:
            path = f"/result{query}"
            status, _ = await self._call("POST", path, json={"response": {}})
        self.answered.add(n)

    async def _call(self, method: str, path: str, **options: Any) -> tuple[int, Json]:
        """Call a server; 0 if there was no answer."""
        server = self.rng.choice(self.servers)
        headers = {
            "Authorization": f"Bearer {server.token}",
            **options.pop("headers", {}),
        }
        url = URL(server.url + path, encoded=True)
        kind = path.partition("?")[0].rpartition("/")[2]
        try:
            async with self.session.request(
                method, url, headers=headers, **options
            ) as response:
                self.statuses[kind, response.status] += 1
                body = await response.read()
                empty: Json = {}
                return response.status, await response.json() if body else empty
        except CONNECTION_ERRORS as lost:
            self.failures[f"{kind} {type(lost).__name__}"] += 1
            await asyncio.sleep(_PAUSE)
            return 0, {}

    async def drain(self, api: Client) -> dict[str, Json]:
        """Let devices poll until nothing waits; return all commands."""
        live = {"PENDING", "SENT", "DELIVERED"}
        commands: dict[str, Json] = {}

        with_bodies = partial(api.commands.list, include="body")

        async def is_over() -> bool:
            await asyncio.gather(*(self.poll(each) for each in self.devices))
            commands.update(
                {each["id"]: each async for each in iter_items(with_bodies)}
            )
            return not any(each["state"] in live for each in commands.values())

        await wait_until(is_over, within=90)
        return commands


def check_promises(traffic: Traffic, commands: dict[str, Json]) -> None:
    """Compare what is stored with what was promised."""
    by_number = {each["body"]["n"]: each for each in commands.values()}
    twice = {number for number, times in traffic.received.items() if times > 1}

    assert set(traffic.enqueued.values()) <= set(commands)
    assert len(by_number) == len(commands)
    assert not {number for number in twice if number % 2}
    assert {"SUCCESSFUL"} == {by_number[n]["state"] for n in traffic.answered}
