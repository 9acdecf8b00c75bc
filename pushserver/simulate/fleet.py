"""Many simulated devices at once, drawn from one seed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Self

import aiohttp
import attrs

from pushserver.simulate.device import Device
from pushserver.simulate.firmware import Firmware
from pushserver.simulate.habits import Habits, habits_of
from pushserver.simulate.images import Gallery
from pushserver.simulate.journal import Journal
from pushserver.simulate.line import Line

#: A result may be 60 MB, and the server may keep it for 25 s before it answers.
RESULT_TIMEOUT = aiohttp.ClientTimeout(total=60)


@attrs.frozen(kw_only=True)
class Plan:
    """
    What a fleet is like.

    `habits`, if given, are everybody's; otherwise each device draws its own of
    `quirks`. The same seed makes the same devices, which draw the same lots.
    """

    server: str
    devices: int = 100
    first_id: int = 1000
    seed: int = 1
    period: float = 5.0
    hold_timeout: float = 30.0
    quirks: frozenset[str] = frozenset()
    habits: Habits | None = None
    prefix: str = ""
    keys: Mapping[int, str] = MappingProxyType({})
    images: Path | None = None

    @property
    def ids(self) -> range:
        """The devices' ids."""
        return range(self.first_id, self.first_id + self.devices)


@attrs.frozen
class Fleet:
    """The devices of a plan, all of which write one journal."""

    devices: tuple[Device, ...]
    journal: Journal

    @classmethod
    @asynccontextmanager
    async def of(cls, plan: Plan, journal: Journal) -> AsyncIterator[Self]:
        """Make the fleet of *plan*; its connections end with the block."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, timeout=RESULT_TIMEOUT
        ) as session:
            # A poll that is repeated behind the device's back would be handed the
            # next command and lose this one's uuid.
            session._retry_connection = False
            devices = (_device(each, plan, journal, session) for each in plan.ids)
            yield cls(tuple(devices), journal)

    async def run(self, stop: asyncio.Event) -> None:
        """Let every device poll until *stop*; what one is doing it still finishes."""
        async with asyncio.TaskGroup() as group:
            tasks = [(each, group.create_task(each.run(stop))) for each in self.devices]
            await stop.wait()
            for device, task in tasks:
                if device.resting:
                    task.cancel()
        await asyncio.gather(*(device.settle() for device in self.devices))


def _device(
    device_id: int, plan: Plan, journal: Journal, session: aiohttp.ClientSession
) -> Device:
    rng = Random(f"{plan.seed}:{device_id}")  # noqa: S311 - it must repeat
    habits = plan.habits or habits_of(rng, plan.quirks)
    firmware = Firmware(
        device_id=device_id,
        clock=journal.clock,
        gallery=Gallery(device_id, plan.images),
    )
    firmware.configuration.modules["push_server"].update(
        push_remote_address=plan.server,
        push_request_period=f"{plan.period:g}",
        push_request_timeout=f"{plan.hold_timeout * 1000:g}",
    )
    line = Line(
        server=plan.server,
        session=session,
        prefix=plan.prefix,
        key=plan.keys.get(device_id),
        habits=habits,
    )
    return Device(
        device_id=device_id, line=line, journal=journal, rng=rng, firmware=firmware
    )
