"""The promise of every store for upgrades, which are tasks with terms of their own."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.model.operation import Operation
from pushserver.model.task import Task
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState, Upgrade


@attrs.frozen
class UpgradeRecord:
    """A task, and the terms that make it an upgrade."""

    task: Task
    upgrade: Upgrade


@attrs.frozen(kw_only=True)
class DeviceUpgradeFilter:
    """Which parts to list; None means any. `not_started`: those that have not begun."""

    result: DeviceUpgradeResult | None = None
    state: DeviceUpgradeState | None = None
    not_started: bool | None = None


class UpgradeStore(Protocol):
    """Upgrades, read. They are kept with their tasks, their parts with operations."""

    async def find_upgrade(self, scope_id: int, task_id: int) -> UpgradeRecord | None:
        """Return one upgrade that is prepared."""

    async def upgrades(
        self, scope_id: int, *, before: int | None, limit: int
    ) -> Sequence[UpgradeRecord]:
        """List prepared upgrades, newest first, with ids below *before*."""

    async def count_device_states(
        self, task_id: int
    ) -> Mapping[DeviceUpgradeState, int]:
        """Count the parts that have begun by their states, without retried ones."""

    async def device_upgrades(
        self, task_id: int, criteria: DeviceUpgradeFilter, *, after: int, limit: int
    ) -> Sequence[Operation]:
        """
        List the operations of an upgrade with their parts, without retried ones.

        In the order they were made, with ids above *after*.
        """
