"""A program that upgrades devices, in short words, and what is told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import msgspec

from pushserver.clock import micros
from pushserver.model.changes import Changes
from pushserver.model.event import (
    Event,
    EventType,
    UpgradeResultTold,
    UpgradeStateTold,
)
from pushserver.model.operation import Operation
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.target import Targets
from pushserver.model.task import Task
from pushserver.services.tasks import Pace
from pushserver.services.upgrades import Phases, Standing, Wanted
from pushserver.storage.upgrading import PartFilter
from tests.clock import ManualClock
from tests.model.work import BY
from tests.services.desk import drafts
from tests.services.work import WorkDesk, at_work
from tests.storage.deeds import lane_of

GOOD, ERROR = b'{"response":{}}', b'{"error":"disk full","code":17}'
OLD, NEW = b'{"response":{"version":"1.0"}}', b'{"response":{"version":"2.0"}}'
#: What a device answers, from the first step to the last, and what is told of it.
SUCCESS = (OLD, GOOD, GOOD, NEW)
PATH = ["downloading", "downloaded", "updating", "idle"]


@attrs.frozen(eq=False)
class UpgradeDesk:
    """What tests ask of upgrades. `events` are those of devices, as they came."""

    work: WorkDesk
    events: list[Event] = attrs.Factory(list)

    async def make(
        self, devices: int = 1, there: int | None = None, **how: Any
    ) -> Task:
        """Adopt devices from 1, let the first of them come, upgrade all; begin."""
        await self.work.adopt(*range(1, devices + 1))
        await self.work.come(*range(1, (devices if there is None else there) + 1))
        seconds = how.pop("seconds", 900)
        pace = how.pop("pace", Pace())
        phases = Phases(
            download=drafts("firmware_load"),
            apply=drafts("firmware_install"),
            verify=drafts("system_information")[0],
            pointer="/version",
        )
        wanted = Wanted(
            target_version="2.0",
            phases=phases,
            pace=pace,
            apply_timeout=micros(seconds),
            **how,
        )
        made = await self.work.services.upgrades.make(
            wanted,
            Targets(device_ids=range(1, devices + 1)),
            lambda standing: b"%d" % standing.record.task.id,
            scope_id=FIRST_SCOPE,
            by=BY,
        )
        assert made.task is not None
        await self.work.advance()
        return made.task

    async def go(self, *bodies: bytes, device: int = 1) -> None:
        """Let a device answer its next steps so, each when its time has come."""
        for body in bodies:
            await self._wait(device)
            await self.work.work(device, body=body)

    async def silence(self, device: int = 1) -> None:
        """Let a device be handed its next step, and not answer in time."""
        await self._wait(device)
        await self.work.fly(f"u{self.work.clock.now()}", device=device)
        await self.work.upkeep(180)
        await self.go_on()

    async def go_on(self) -> None:
        """Let everything go on."""
        await self.work.go_on()
        await self.work.advance()

    async def _wait(self, device: int) -> None:
        lane = await lane_of(self.work.services.store, device)
        (command,) = lane.waiting
        now = self.work.clock.now()
        self.work.clock.tick(max(0, command.planned_at - now) / 1_000_000)

    def heard(self, device: int = 1) -> list[str]:
        """Return what was told of a device: states, and how it ended."""
        return [_word(each) for each in self.events if each.device_id == device]

    async def standing(self, of: Task) -> Standing:
        """Return how the upgrade stands."""
        return await self.work.services.upgrades.get(of.scope_id, of.id)

    async def parts(self, of: Task) -> dict[int, Operation]:
        """Return the operations of an upgrade with their parts, by devices."""
        find = self.work.services.upgrades.parts
        found = await find(of.id, PartFilter(), limit=1000)
        return {each.device_id: each for each in found}

    async def error(self, of: Task, device: int = 1) -> tuple[str | None, str | None]:
        """Return why a device failed: code and words."""
        part = (await self.parts(of))[device].upgrade
        assert part is not None
        return part.error_code, part.error

    def keep(self, changes: Changes) -> None:
        """Note what is told of upgrades."""
        self.events.extend(e for e in changes.events if e.type.startswith("upgrade"))


def _word(event: Event) -> str:
    if event.type is EventType.UPGRADE_STATE:
        return msgspec.json.decode(event.data, type=UpgradeStateTold).state
    told = msgspec.json.decode(event.data, type=UpgradeResultTold)
    return "SUCCESS" if told.success else f"FAIL {told.error_code}"


@asynccontextmanager
async def upgrading(
    database: str, clock: ManualClock, before: UpgradeDesk | None = None
) -> AsyncIterator[UpgradeDesk]:
    """Have the services over a file, and hear of upgrades what *before* did not."""
    async with at_work(database, clock) as work:
        desk = UpgradeDesk(work, before.events if before else [])
        store = work.services.store
        store.interest[FIRST_SCOPE] = frozenset(EventType)
        store.watch(desk.keep)
        yield desk
