"""Upgrades: tasks whose operations change the version of what devices run."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from pushserver.errors import NotFound
from pushserver.model.draft import Draft, Plan
from pushserver.model.operation import Label, Operation
from pushserver.model.target import Targets
from pushserver.model.task import Counts, Task
from pushserver.model.upgrade import (
    APPLY_TIMEOUT,
    EXPIRES_IN,
    Upgrade,
    UpgradeState,
)
from pushserver.services.queue import Once
from pushserver.services.tasks import Made, Pace, Tasks
from pushserver.storage.base import Store
from pushserver.storage.upgrading import PartFilter, UpgradeRecord

#: How the operations of an upgrade are called.
_LABEL = Label(resource="upgrade")


@attrs.frozen(kw_only=True)
class Phases:
    """The commands of an upgrade; `pointer` leads to the version in an answer."""

    download: Sequence[Draft]
    apply: Sequence[Draft]
    verify: Draft
    pointer: str


@attrs.frozen(kw_only=True)
class Wanted:
    """An upgrade to be; instants and durations are microseconds."""

    target_version: str
    phases: Phases
    pace: Pace
    retries: int = 0
    apply_timeout: int = APPLY_TIMEOUT
    not_before: int | None = None
    name: str | None = None

    @property
    def plan(self) -> Plan:
        """Its steps: read the version, download, apply, read the version again."""
        phases = self.phases
        first = phases.verify
        if self.not_before is not None:
            first = attrs.evolve(first, not_before=self.not_before)
        upgrade = Upgrade(
            target_version=self.target_version,
            pointer=phases.pointer,
            downloads=len(phases.download),
            applies=len(phases.apply),
            retries=self.retries,
            apply_timeout=self.apply_timeout,
        )
        steps = (first, *phases.download, *phases.apply, phases.verify)
        return Plan(drafts=steps, label=_LABEL, upgrade=upgrade)

    @property
    def full_pace(self) -> Pace:
        """How fast it goes; it waits for devices as its first download does."""
        usual = self.phases.download[0].expires_in or EXPIRES_IN
        return attrs.evolve(self.pace, expires_in=self.pace.expires_in or usual)


@attrs.frozen
class Standing:
    """An upgrade, and how far its devices are."""

    record: UpgradeRecord
    counts: Counts
    states: Mapping[UpgradeState, int]


@attrs.define(eq=False)
class Upgrades:
    """Makes upgrades and shows them; their course is that of their tasks."""

    store: Store
    tasks: Tasks

    async def make(
        self,
        wanted: Wanted,
        targets: Targets,
        render: Callable[[Standing], bytes],
        *,
        scope_id: int,
        by: int,
        request: Once | None = None,
    ) -> Made:
        """
        Make an upgrade of these devices; it begins at once.

        Raises:
            Invalid: a device is not adopted, or none is meant.
            IdempotencyMismatch: the key came before, with another request.
            Unavailable: the store is away.
        """
        plan = wanted.plan
        upgrade = plan.upgrade
        assert upgrade is not None  # noqa: S101 - its plan has one

        def shown(task: Task, counts: Counts) -> bytes:
            return render(Standing(UpgradeRecord(task, upgrade), counts, {}))

        return await self.tasks.make(
            plan,
            targets,
            wanted.full_pace,
            shown,
            scope_id=scope_id,
            by=by,
            name=wanted.name,
            request=request,
        )

    async def get(self, scope_id: int, task_id: int) -> Standing:
        """
        Return one upgrade and how far it is.

        Raises:
            NotFound: there is none; a task that is no upgrade is none.
        """
        record = await self.store.upgrades.find_upgrade(scope_id, task_id)
        if record is None:
            raise NotFound(f"There is no upgrade {task_id}.")
        return await self._standing(record)

    async def _standing(self, record: UpgradeRecord) -> Standing:
        task_id = record.task.id
        counts = await self.store.tasks.count_task(task_id)
        return Standing(record, counts, await self.store.upgrades.count_states(task_id))

    async def newest(
        self, scope_id: int, *, before: int | None, limit: int
    ) -> list[Standing]:
        """List upgrades, newest first, with ids below *before*."""
        find = self.store.upgrades.upgrades
        found = await find(scope_id, before=before, limit=limit)
        return [await self._standing(each) for each in found]

    async def parts(
        self, task_id: int, wanted: PartFilter, *, after: int = 0, limit: int
    ) -> Sequence[Operation]:
        """List the operations of an upgrade, with ids above *after*."""
        find = self.store.upgrades.parts
        return await find(task_id, wanted, after=after, limit=limit)
