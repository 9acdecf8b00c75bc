"""Upgrades: tasks with rules of their own, such as the version to reach."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.model.operation import Operation
from pushserver.model.task import Task
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState, Upgrade
from pushserver.storage.tasks import ANY_TASK, TaskFilter


@attrs.frozen
class UpgradeRecord:
    """A task, and the fields that make it an upgrade."""

    task: Task
    upgrade: Upgrade


@attrs.frozen(kw_only=True)
class DeviceUpgradeFilter:
    """Which devices of an upgrade to list; None means any."""

    result: DeviceUpgradeResult | None = None
    state: DeviceUpgradeState | None = None
    not_started: bool | None = None


class UpgradeStore(Protocol):
    """Reading upgrades; they are written with their tasks and operations."""

    async def find_upgrade(self, scope_id: int, task_id: int) -> UpgradeRecord | None:
        """Return one upgrade that is not PREPARING."""

    async def upgrades(
        self,
        scope_id: int,
        task_filter: TaskFilter = ANY_TASK,
        *,
        before: int | None,
        limit: int,
    ) -> Sequence[UpgradeRecord]:
        """List upgrades that are not PREPARING, newest first, below the id *before*."""

    async def count_device_states(
        self, task_id: int
    ) -> Mapping[DeviceUpgradeState, int]:
        """Count the devices that have started, by state, without retried operations."""

    async def device_upgrades(
        self,
        task_id: int,
        criteria: DeviceUpgradeFilter,
        *,
        after: int,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[Operation]:
        """
        List the operations of an upgrade, oldest first, with ids above *after*.

        Retried ones are left out. *device_ids* are the devices of which they may be;
        None means any.
        """
