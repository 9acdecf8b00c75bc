"""Drives upgrades of devices, and reads their events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import msgspec

from pushserver.clock import micros
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import UpgradeResultPayload, UpgradeStatePayload
from pushserver.model.operation import Operation
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.target import TargetSelector
from pushserver.model.task import Task
from pushserver.services.task_creation import RolloutPolicy
from pushserver.services.upgrades import (
    UpgradeCommands,
    UpgradeProgress,
    UpgradeRequest,
)
from pushserver.storage.change_feed import ChangeKind
from pushserver.storage.upgrades import DeviceUpgradeFilter
from tests.clock import ManualClock
from tests.model.operation_scenario import ACTOR
from tests.services.driver import command_requests
from tests.services.operation_driver import OperationDriver, running_services
from tests.storage.queue_actions import get_lane

GOOD, ERROR = b'{"response":{}}', b'{"error":"disk full","code":17}'
OLD, NEW = b'{"response":{"version":"1.0"}}', b'{"response":{"version":"2.0"}}'
#: What a device answers, from the first step to the last, and the events of it.
SUCCESS = (OLD, GOOD, GOOD, NEW)
PATH = ["downloading", "downloaded", "updating", "idle"]


@attrs.frozen(eq=False)
class UpgradeDriver:
    """What tests ask of upgrades. `events` are those of devices, as they came."""

    driver: OperationDriver
    events: list[Event] = attrs.Factory(list)

    async def create_upgrade(
        self, devices: int = 1, seen: int | None = None, **options: Any
    ) -> Task:
        """Adopt devices from 1, let the first of them come, upgrade all; begin."""
        await self.driver.adopt(*range(1, devices + 1))
        await self.driver.see_devices(
            *range(1, (devices if seen is None else seen) + 1)
        )
        seconds = options.pop("seconds", 900)
        pace = options.pop("pace", RolloutPolicy())
        phases = UpgradeCommands(
            download=command_requests("firmware_load"),
            apply=command_requests("firmware_install"),
            verify=command_requests("system_information")[0],
            version_pointer="/version",
        )
        request = UpgradeRequest(
            target_version="2.0",
            commands=phases,
            policy=pace,
            apply_timeout=micros(seconds),
            **options,
        )
        created = await self.driver.services.upgrades.create(
            request,
            TargetSelector(device_ids=range(1, devices + 1)),
            lambda progress: b"%d" % progress.record.task.id,
            scope_id=DEFAULT_SCOPE_ID,
            created_by=ACTOR,
        )
        assert created.task is not None
        await self.driver.advance_tasks()
        return created.task

    async def run_steps(self, *bodies: bytes, device: int = 1) -> None:
        """Let a device answer its next steps so, each when its time has come."""
        for body in bodies:
            await self._tick_until_planned(device)
            await self.driver.run_steps(device, body=body)

    async def leave_step_unanswered(self, device: int = 1) -> None:
        """Let a device be handed its next step, and not answer in time."""
        await self._tick_until_planned(device)
        await self.driver.receive_command(f"u{self.driver.clock.now()}", device=device)
        await self.driver.expire_overdue(180)
        await self.run_workers()

    async def run_workers(self) -> None:
        """Let everything go on."""
        await self.driver.start_next_steps()
        await self.driver.advance_tasks()

    async def _tick_until_planned(self, device: int) -> None:
        lane = await get_lane(self.driver.services.store, device)
        (command,) = lane.waiting
        now = self.driver.clock.now()
        self.driver.clock.tick(max(0, command.scheduled_at - now) / 1_000_000)

    def emitted(self, device: int = 1) -> list[str]:
        """Return the events of a device: states, and how it ended."""
        return [_event_words(each) for each in self.events if each.device_id == device]

    async def upgrade_progress(self, task: Task) -> UpgradeProgress:
        """Return how the upgrade stands."""
        return await self.driver.services.upgrades.get(task.scope_id, task.id)

    async def device_upgrades(self, task: Task) -> dict[int, Operation]:
        """
        Return the operations of an upgrade with their device upgrades, by devices.
        """
        find = self.driver.services.upgrades.device_upgrades
        found = await find(task.id, DeviceUpgradeFilter(), limit=1000)
        return {each.device_id: each for each in found}

    async def error(self, task: Task, device: int = 1) -> tuple[str | None, str | None]:
        """Return why a device failed: code and words."""
        device_upgrade = (await self.device_upgrades(task))[device].device_upgrade
        assert device_upgrade is not None
        return device_upgrade.error_code, device_upgrade.error

    def record_events(self, notice: ChangeNotice) -> None:
        """Record the upgrade events."""
        events = notice.new_events
        self.events.extend(e for e in events if e.type.startswith("upgrade"))


def _event_words(event: Event) -> str:
    if event.type is EventType.UPGRADE_STATE:
        return msgspec.json.decode(event.data or b"", type=UpgradeStatePayload).state
    payload = msgspec.json.decode(event.data or b"", type=UpgradeResultPayload)
    return "SUCCESS" if payload.success else f"FAIL {payload.error_code}"


@asynccontextmanager
async def running_upgrades(
    database: str, clock: ManualClock, previous: UpgradeDriver | None = None
) -> AsyncIterator[UpgradeDriver]:
    """Open the services over a database, with the upgrade events since *previous*."""
    async with running_services(database, clock) as operation_driver:
        driver = UpgradeDriver(operation_driver, previous.events if previous else [])
        store = operation_driver.services.store
        store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
        store.feed.subscribe(ChangeKind.EVENTS, driver.record_events)
        yield driver
