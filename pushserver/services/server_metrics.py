"""All numbers of this server: what it counted, and what is in memory and stored now."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from pushserver import __version__
from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.metrics import families
from pushserver.metrics.recorder import Metrics
from pushserver.metrics.samples import Sample, own_samples, process_samples, sample
from pushserver.model.ids import first_instant_after
from pushserver.model.subscription import SubscriptionHealth
from pushserver.services.backups import Backups
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.held_polls import HeldPolls
from pushserver.services.online_rule import OnlineRule
from pushserver.services.statistics import count_devices, count_live_commands
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.base import Store
from pushserver.storage.statistics import Backlog

#: Microseconds for which what is counted of the whole database is told again.
_KEPT_FOR = 5 * SECOND


@attrs.define(eq=False)
class ServerMetrics:
    """
    Tells the numbers of this server.

    What is about the database the leader alone tells, so that sums over all servers
    are right.
    """

    store: Store
    clock: Clock
    metrics: Metrics
    devices: DeviceRegistry
    holds: HeldPolls
    online_rule: OnlineRule
    subscriptions: SubscriptionRegistry
    backups: Backups
    _of_database: Sequence[Sample] = attrs.field(default=(), init=False)
    _read_at: int | None = attrs.field(default=None, init=False)
    _reading: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def read(self) -> list[Sample]:
        """Return every number; those of the database are some seconds old."""
        is_leader, version = self.store.is_leader, self.store.database_version
        samples = [
            sample(families.BUILD, 1, __version__, version),
            sample(families.LEADER, is_leader),
            sample(families.HELD_POLLS, len(self.holds)),
            *own_samples(self.metrics),
            *process_samples(),
        ]
        for worker, failures in self.metrics.worker_failures.items():
            samples.append(sample(families.FAILING_WORKERS, failures, worker))
        if self.backups.folder is not None:
            made_at = self.backups.last_made_at() or 0
            samples.append(sample(families.LAST_BACKUP, made_at / SECOND))
        if is_leader:
            samples += await self._read_database()
        return samples

    async def _read_database(self) -> Sequence[Sample]:
        """Return what is stored; nothing while the store is away."""
        async with self._reading:
            now = self.clock.now()
            if self._read_at is None or not 0 <= now - self._read_at < _KEPT_FOR:
                try:
                    backlog = await self.store.statistics.backlog()
                except Unavailable:
                    return ()
                of_backlog = self._of_backlog(backlog, now)
                self._of_database = [*of_backlog, *await self._of_devices(now)]
                self._read_at = now
        return self._of_database

    def _of_backlog(self, backlog: Backlog, now: int) -> Iterator[Sample]:
        for state, count in count_live_commands(self.store, backlog).items():
            yield sample(families.LIVE_COMMANDS, count, state.value)
        yield sample(families.OLDEST_PENDING, _age(backlog.oldest_pending, now))
        yield sample(families.WEBHOOK_BACKLOG, backlog.webhooks)
        yield sample(families.WEBHOOK_BACKLOG_AGE, _age(backlog.oldest_event, now))
        healths = Counter(each.health for each in self.subscriptions)
        for health in SubscriptionHealth:
            yield sample(families.SUBSCRIPTIONS, healths[health], health.value)

    async def _of_devices(self, now: int) -> Sequence[Sample]:
        by_state = await count_devices(self.devices, self.online_rule, now)
        return [
            sample(families.DEVICES, count, state) for state, count in by_state.items()
        ]


def _age(row_id: int | None, now: int) -> float:
    """Return the seconds since an id was made; 0: there is none."""
    if row_id is None:
        return 0.0
    return max(now - first_instant_after(row_id), 0) / SECOND
