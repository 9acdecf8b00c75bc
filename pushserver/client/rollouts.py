"""Calls about tasks and upgrades, which are operations on many devices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

import attrs

from pushserver.client.operations import get_one
from pushserver.client.pages import iter_items
from pushserver.client.waiting import wait_until

if TYPE_CHECKING:
    from pushserver.client.transport import Transport
    from pushserver.client.types import (
        DeviceTask,
        DeviceTasks,
        DeviceUpgrade,
        DeviceUpgrades,
        DryRun,
        ListDevicesOfTaskQuery,
        ListDevicesOfUpgradeQuery,
        ListTasksQuery,
        ListUpgradesQuery,
        PhasesInput,
        StepInput,
        TargetsInput,
        Task,
        TaskOptions,
        Tasks,
        Upgrade,
        UpgradeOptions,
        Upgrades,
    )

R = TypeVar("R", bound=Mapping[str, Any])

#: Seconds for which the server holds each call of a wait; it does not tell of a pause.
HOLD = 5


@attrs.frozen
class _RolloutCalls(Generic[R]):
    """The calls that tasks and upgrades have in common; `_path` is their list."""

    _api: Transport
    _path: str = attrs.field(init=False)

    async def get(self, id_: str, *, wait: int | None = None) -> R:
        """Return one; wait up to *wait* seconds, 60 at most, for its end."""
        return await get_one(self._api, self._path, id_, wait)

    async def wait(self, id_: str, timeout: float | None = None) -> R:  # noqa: ASYNC109 - see `wait_until`
        """
        Return one once it has ended or is paused; its `state` says which.

        It goes on waiting while the server restarts.

        Raises:
            WaitTimeout: neither is so after *timeout* seconds; None is for ever.
        """
        fetch = partial(get_one, self._api, self._path, id_)
        return await wait_until(_is_settled, fetch, hold=HOLD, timeout=timeout)

    async def pause(self, id_: str) -> R:
        """Start on no further device until it is resumed."""
        return await self._api.call("POST", self._path, id_, "pause")

    async def resume(self, id_: str) -> R:
        """Continue one that is paused."""
        return await self._api.call("POST", self._path, id_, "resume")

    async def cancel(self, id_: str) -> R:
        """Cancel one; steps in flight run to their end."""
        return await self._api.call("POST", self._path, id_, "cancel")


@attrs.frozen
class TaskCalls(_RolloutCalls["Task"]):
    """Create tasks, wait for them, and change their course."""

    _path: str = attrs.field(default="tasks", init=False)

    async def create(
        self,
        targets: TargetsInput,
        steps: Sequence[StepInput],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> Task:
        """Create a task: start the same 1 to 100 steps on each of the devices."""
        body = {"targets": targets, "steps": steps, **options}
        return await self._api.create(
            "tasks", body=body, idempotency_key=idempotency_key
        )

    async def preview(
        self,
        targets: TargetsInput,
        steps: Sequence[StepInput],
        **options: Unpack[TaskOptions],
    ) -> DryRun:
        """Return the devices that such a task would have, and create none."""
        body = {"targets": targets, "steps": steps, **options, "dryRun": True}
        return await self._api.call("POST", "tasks", body=body)

    async def list(self, **query: Unpack[ListTasksQuery]) -> Tasks:
        """Return a page of tasks, newest first."""
        return await self._api.call("GET", "tasks", params=query)

    def iterate(self, **query: Unpack[ListTasksQuery]) -> AsyncIterator[Task]:
        """Yield the tasks of all pages, or `limit` of them, newest first."""
        return iter_items(self.list, **query)

    async def devices(
        self, task_id: str, **query: Unpack[ListDevicesOfTaskQuery]
    ) -> DeviceTasks:
        """Return a page of a task's devices, and how far each is."""
        path = ("tasks", task_id, "devices")
        return await self._api.call("GET", *path, params=query)

    def iterate_devices(
        self, task_id: str, **query: Unpack[ListDevicesOfTaskQuery]
    ) -> AsyncIterator[DeviceTask]:
        """Yield the devices of all pages, or `limit` of them, as `devices` orders."""
        return iter_items(partial(self.devices, task_id), **query)

    async def retry(
        self,
        task_id: str,
        *,
        include_unknown: bool = False,
        idempotency_key: str | None = None,
    ) -> Task:
        """Start again on devices that failed, also on those of unknown outcome."""
        return await self._api.create(
            *("tasks", task_id, "retry"),
            body={"includeUnknown": include_unknown},
            idempotency_key=idempotency_key,
        )


@attrs.frozen
class UpgradeCalls(_RolloutCalls["Upgrade"]):
    """Create upgrades, follow their devices, wait for them and change their course."""

    _path: str = attrs.field(default="upgrades", init=False)

    async def create(
        self,
        targets: TargetsInput,
        target_version: str,
        phases: PhasesInput,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[UpgradeOptions],
    ) -> Upgrade:
        """Create an upgrade: start to bring the devices to *target_version*."""
        given = {"targets": targets, "targetVersion": target_version, "phases": phases}
        return await self._api.create(
            "upgrades", body={**given, **options}, idempotency_key=idempotency_key
        )

    async def preview(
        self,
        targets: TargetsInput,
        target_version: str,
        phases: PhasesInput,
        **options: Unpack[UpgradeOptions],
    ) -> DryRun:
        """Return the devices that such an upgrade would have, and create none."""
        given = {"targets": targets, "targetVersion": target_version, "phases": phases}
        body = {**given, **options, "dryRun": True}
        return await self._api.call("POST", "upgrades", body=body)

    async def list(self, **query: Unpack[ListUpgradesQuery]) -> Upgrades:
        """Return a page of upgrades, newest first."""
        return await self._api.call("GET", "upgrades", params=query)

    def iterate(self, **query: Unpack[ListUpgradesQuery]) -> AsyncIterator[Upgrade]:
        """Yield the upgrades of all pages, or `limit` of them, newest first."""
        return iter_items(self.list, **query)

    async def devices(
        self, upgrade_id: str, **query: Unpack[ListDevicesOfUpgradeQuery]
    ) -> DeviceUpgrades:
        """Return a page of an upgrade's devices, and how far each is."""
        path = ("upgrades", upgrade_id, "devices")
        return await self._api.call("GET", *path, params=query)

    def iterate_devices(
        self, upgrade_id: str, **query: Unpack[ListDevicesOfUpgradeQuery]
    ) -> AsyncIterator[DeviceUpgrade]:
        """Yield the devices of all pages, or `limit` of them, as they are included."""
        return iter_items(partial(self.devices, upgrade_id), **query)

    async def retry(
        self, upgrade_id: str, *, idempotency_key: str | None = None
    ) -> Upgrade:
        """Start again on the devices that failed."""
        path = ("upgrades", upgrade_id, "retry")
        return await self._api.create(*path, idempotency_key=idempotency_key)


def _is_settled(rollout: Any) -> bool:
    return "endedAt" in rollout or rollout["state"] == "PAUSED"
