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

from pushserver.simulate.device import SimulatedDevice
from pushserver.simulate.firmware import Firmware
from pushserver.simulate.http import DeviceHttpClient
from pushserver.simulate.images import Gallery
from pushserver.simulate.journal import Journal
from pushserver.simulate.quirks import Quirks, draw_quirks

#: A result may have 60 MB, and the server may take 25 s to store it.
RESULT_TIMEOUT = aiohttp.ClientTimeout(total=60)


@attrs.frozen(kw_only=True)
class FleetPlan:
    """
    What a fleet is like.

    `fixed_quirks`, if given, are those of every device; otherwise each device draws its
    own from `quirk_names`. The same seed gives the same devices and random choices.
    """

    server: str
    devices: int = 100
    first_id: int = 1000
    seed: int = 1
    period: float = 5.0
    hold_timeout: float = 30.0
    quirk_names: frozenset[str] = frozenset()
    fixed_quirks: Quirks | None = None
    prefix: str = ""
    keys: Mapping[int, str] = MappingProxyType({})
    images: Path | None = None

    @property
    def ids(self) -> range:
        """The devices' ids."""
        return range(self.first_id, self.first_id + self.devices)


@attrs.frozen
class SimulatedFleet:
    """The devices of a plan, which share one journal."""

    devices: tuple[SimulatedDevice, ...]
    journal: Journal

    @classmethod
    @asynccontextmanager
    async def opened(cls, plan: FleetPlan, journal: Journal) -> AsyncIterator[Self]:
        """Build the fleet of *plan*; its connections close at the end of the block."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, timeout=RESULT_TIMEOUT
        ) as session:
            # A poll that is repeated behind the device's back would be handed the
            # next command and lose this one's uuid.
            session._retry_connection = False
            devices = (_build_device(each, plan, journal, session) for each in plan.ids)
            yield cls(tuple(devices), journal)

    async def run(self, stop: asyncio.Event) -> None:
        """Let every device poll until *stop*; a busy one finishes its round."""
        async with asyncio.TaskGroup() as group:
            tasks = [(each, group.create_task(each.run(stop))) for each in self.devices]
            await stop.wait()
            for device, task in tasks:
                if device.is_idle:
                    task.cancel()
        await asyncio.gather(*(device.post_late_results() for device in self.devices))


def _build_device(
    device_id: int, plan: FleetPlan, journal: Journal, session: aiohttp.ClientSession
) -> SimulatedDevice:
    rng = Random(f"{plan.seed}:{device_id}")  # noqa: S311 - it must repeat
    quirks = plan.fixed_quirks or draw_quirks(rng, plan.quirk_names)
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
    http = DeviceHttpClient(
        server=plan.server,
        session=session,
        prefix=plan.prefix,
        key=plan.keys.get(device_id),
        quirks=quirks,
    )
    return SimulatedDevice(
        device_id=device_id, http=http, journal=journal, rng=rng, firmware=firmware
    )
