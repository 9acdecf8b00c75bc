"""Upgrades: tasks that change the version of what devices run."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from pushserver.errors import NotFound
from pushserver.model.actor import Actor
from pushserver.model.command_request import CommandRequest, OperationRequest
from pushserver.model.operation import Operation, OperationDescriptor
from pushserver.model.target import TargetSelector
from pushserver.model.task import OperationCounts, Task
from pushserver.model.upgrade import (
    DEFAULT_APPLY_TIMEOUT,
    DEFAULT_EXPIRES_IN,
    DeviceUpgradeState,
    Upgrade,
)
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.task_creation import CreatedTask, RolloutPolicy, TaskCreator
from pushserver.storage.base import Store
from pushserver.storage.tasks import TaskFilter
from pushserver.storage.upgrades import DeviceUpgradeFilter, UpgradeRecord

#: The descriptor of an upgrade's operations.
_LABEL = OperationDescriptor(resource="upgrade")


@attrs.frozen(kw_only=True)
class UpgradeCommands:
    """
    The commands of an upgrade.

    `version_pointer` is the JSON pointer to the version in the answer to `verify`.
    """

    download: Sequence[CommandRequest]
    apply: Sequence[CommandRequest]
    verify: CommandRequest
    version_pointer: str


@attrs.frozen(kw_only=True)
class UpgradeRequest:
    """An upgrade to be created; instants and durations are in microseconds."""

    target_version: str
    commands: UpgradeCommands
    policy: RolloutPolicy
    retries: int = 0
    apply_timeout: int = DEFAULT_APPLY_TIMEOUT
    not_before: int | None = None
    name: str | None = None

    @property
    def plan(self) -> OperationRequest:
        """The steps: read the version, download, apply, read the version again."""
        commands = self.commands
        first = commands.verify
        if self.not_before is not None:
            first = attrs.evolve(first, not_before=self.not_before)
        upgrade = Upgrade(
            target_version=self.target_version,
            version_pointer=commands.version_pointer,
            download_steps=len(commands.download),
            apply_steps=len(commands.apply),
            max_retries=self.retries,
            apply_timeout=self.apply_timeout,
        )
        steps = (first, *commands.download, *commands.apply, commands.verify)
        return OperationRequest(step_requests=steps, label=_LABEL, upgrade=upgrade)

    @property
    def policy_with_expiry(self) -> RolloutPolicy:
        """The policy; by default devices are awaited as long as the first download."""
        default = self.commands.download[0].expires_in or DEFAULT_EXPIRES_IN
        return attrs.evolve(self.policy, expires_in=self.policy.expires_in or default)


@attrs.frozen
class UpgradeProgress:
    """An upgrade, and how many devices are in each state."""

    record: UpgradeRecord
    counts: OperationCounts
    states: Mapping[DeviceUpgradeState, int]


@attrs.define(eq=False)
class Upgrades:
    """Creates and shows upgrades, which the scheduler runs as tasks."""

    store: Store
    task_creator: TaskCreator

    async def create(
        self,
        upgrade_request: UpgradeRequest,
        targets: TargetSelector,
        render: Callable[[UpgradeProgress], bytes],
        *,
        scope_id: int,
        created_by: Actor,
        idempotency: IdempotentRequest | None = None,
    ) -> CreatedTask:
        """
        Create an upgrade of these devices; it starts at once.

        Raises:
            Invalid: a device is not adopted, or none is selected.
            IdempotencyMismatch: the key was used with another request.
            Unavailable: the store is away.
        """
        plan = upgrade_request.plan
        upgrade = plan.upgrade
        assert upgrade is not None  # noqa: S101 - its plan has one

        def render_progress(task: Task, counts: OperationCounts) -> bytes:
            return render(UpgradeProgress(UpgradeRecord(task, upgrade), counts, {}))

        return await self.task_creator.create(
            plan,
            targets,
            upgrade_request.policy_with_expiry,
            render_progress,
            scope_id=scope_id,
            created_by=created_by,
            name=upgrade_request.name,
            idempotency=idempotency,
        )

    async def get(self, scope_id: int, task_id: int) -> UpgradeProgress:
        """
        Return one upgrade and its progress.

        Raises:
            NotFound: there is none, or the task is not an upgrade.
        """
        record = await self.store.upgrades.find_upgrade(scope_id, task_id)
        if record is None:
            raise NotFound(f"There is no upgrade {task_id}.")
        return await self._progress(record)

    async def _progress(self, record: UpgradeRecord) -> UpgradeProgress:
        task_id = record.task.id
        counts = await self.store.tasks.operation_counts(task_id)
        return UpgradeProgress(
            record, counts, await self.store.upgrades.count_device_states(task_id)
        )

    async def list_newest(
        self,
        scope_id: int,
        task_filter: TaskFilter,
        *,
        before: int | None,
        limit: int,
    ) -> list[UpgradeProgress]:
        """List upgrades, newest first, with ids below *before*."""
        find = self.store.upgrades.upgrades
        records = await find(scope_id, task_filter, before=before, limit=limit)
        return [await self._progress(each) for each in records]

    async def device_upgrades(
        self,
        task_id: int,
        part_filter: DeviceUpgradeFilter,
        *,
        after: int = 0,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[Operation]:
        """List an upgrade's operations on these devices, with ids above *after*."""
        find = self.store.upgrades.device_upgrades
        return await find(
            task_id, part_filter, after=after, limit=limit, device_ids=device_ids
        )
