"""The PostgreSQL store: any number of processes over one database."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack

import attrs

from pushserver.metrics.recorder import CommitMetrics
from pushserver.model.device import Device
from pushserver.model.event import EventType
from pushserver.model.ids import IdGenerator
from pushserver.model.lane import Lane
from pushserver.model.order import Order
from pushserver.model.queue_status import QueueStatus
from pushserver.model.unknown_request import UnknownRequest
from pushserver.storage.backup import NoBackups
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.integrity import NoIntegrityChecks
from pushserver.storage.postgres.cluster.member import ClusterMember
from pushserver.storage.postgres.cluster.server_locks import list_servers
from pushserver.storage.postgres.commit import command_deadlines
from pushserver.storage.postgres.commit.group_commit import GroupCommit
from pushserver.storage.postgres.commit.lane_cache import LaneCache
from pushserver.storage.postgres.commit.queue_status import (
    devices_in_flight,
    queue_depths,
    queue_statuses,
)
from pushserver.storage.postgres.commit.waiting_counts import (
    count_waiting,
    replace_counts,
)
from pushserver.storage.postgres.connection.pool import Pool
from pushserver.storage.servers import ServerInfo
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.lanes import load_lanes
from pushserver.storage.sql.lookups import run_lookup
from pushserver.storage.sql.shadows import RoundServices
from pushserver.storage.sql.store import SqlStore


@attrs.define(eq=False, kw_only=True, repr=False)
class PostgresStore(SqlStore):
    """
    A PostgreSQL database, which other servers write, too.

    Each decision is made on a lane that was locked and read for it; `lane_cache` saves
    reading what did not change.
    """

    feed: ChangeFeed
    group_commit: GroupCommit
    lane_cache: LaneCache
    member: ClusterMember
    background_reader: Pool
    new_id: IdGenerator
    event_interest: dict[int, frozenset[EventType]]
    exit_stack: AsyncExitStack
    server_version: str
    integrity: NoIntegrityChecks = attrs.Factory(NoIntegrityChecks)
    backups: NoBackups = attrs.Factory(NoBackups)
    is_closing_soon: bool = attrs.field(default=False, init=False)

    async def read_order(self, command_id: int) -> Order:
        return self.lane_cache.orders.find(command_id) or await super().read_order(
            command_id
        )

    @property
    def waiting_by_scope(self) -> Counter[int]:
        return self.group_commit.decisions.waiting_by_scope

    @property
    def commit_metrics(self) -> CommitMetrics:
        return self.group_commit.decisions.metrics

    async def recount_waiting(self) -> int:
        before = Counter(self.waiting_by_scope)
        found = await self.background_reader.run(count_waiting)
        replace_counts(self.waiting_by_scope, found, before)
        return found.total()

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        return self.lane_cache.is_idle(device_id, now, grace)

    def cached_lane(self, device_id: int) -> Lane | None:
        return self.lane_cache.get(device_id)

    async def look_up(self, device_id: int, lookup: Lookup) -> PriorState:
        def read(connection: SqlConnection) -> PriorState:
            # What ends after this was read is found by the lookup.
            lane = load_lanes(connection, [device_id], 0, ()).get(device_id)
            return run_lookup(RoundServices(connection), device_id, lookup, lane)

        return await self.hot_reader.run(read)

    async def queue_statuses(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, QueueStatus]:
        # From the database: other servers change lanes, too.
        return await self.list_reader.run(
            lambda c: queue_statuses(c, device_ids, scope_id)
        )

    async def queue_depths(self, scope_id: int) -> Mapping[int, int]:
        return await self.list_reader.run(lambda c: queue_depths(c, scope_id))

    async def devices_in_flight(self, scope_id: int) -> Collection[int]:
        return await self.list_reader.run(lambda c: devices_in_flight(c, scope_id))

    async def overdue_devices(self, now: int) -> Sequence[int]:
        return await self.background_reader.run(
            lambda c: command_deadlines.overdue_devices(c, now)
        )

    async def devices_with_live_commands(
        self, device_ids: Collection[int]
    ) -> Collection[int]:
        # A decision made during the query is in one of the two sets.
        waiting = self.group_commit.active_devices & set(device_ids)
        return waiting | await self.background_reader.run(
            lambda c: command_deadlines.devices_with_live_commands(c, device_ids)
        )

    async def save_last_seen(
        self,
        devices: Sequence[Device],
        unknown_requests: Sequence[UnknownRequest],
        *,
        keep: int,
    ) -> None:
        await super().save_last_seen(devices, unknown_requests, keep=keep)
        self.member.record_seen(devices)

    async def servers(self) -> Sequence[ServerInfo]:
        return await self.background_reader.run(list_servers)

    @property
    def is_leader(self) -> bool:
        return self.member.is_leader

    @property
    def outdated(self) -> asyncio.Event:
        return self.member.cluster.schema_watch.outdated

    @property
    def database_version(self) -> str:
        return f"PostgreSQL {self.server_version}"

    @property
    def is_shared(self) -> bool:
        return True

    def has_write_failed(self, within: float) -> bool:
        return self.group_commit.last_write.failed_within(within)

    def is_up_to_date(self, seconds: float) -> bool:
        return self.member.is_up_to_date(seconds)

    async def empty_log(self) -> bool:
        """Do nothing: the log is the database's own, and recycled by it."""
        return True

    async def sync_notices(self) -> None:
        await self.member.catch_up()

    def prepare_to_close(self) -> None:
        # No statement waits for long.
        self.is_closing_soon = True

    async def close(self) -> None:
        await self.group_commit.stop()
        await self.exit_stack.aclose()
