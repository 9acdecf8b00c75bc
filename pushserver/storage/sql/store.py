"""What all stores share: everything but lanes and decisions."""

import attrs

from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.storage.sql.audit import SqlAudit
from pushserver.storage.sql.blobs import SqlBlobs
from pushserver.storage.sql.bodies import SqlBodies
from pushserver.storage.sql.clock_store import SqlClock
from pushserver.storage.sql.commands import SqlCommands
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.devices import SqlDevices
from pushserver.storage.sql.history import SqlHistory
from pushserver.storage.sql.idempotency import (
    claim_or_find_idempotency_key,
    purge_idempotency_keys,
    release_idempotency_key,
    save_idempotency_key,
)
from pushserver.storage.sql.notifications import SqlNotifications
from pushserver.storage.sql.operations import SqlOperations
from pushserver.storage.sql.retention import SqlRetention
from pushserver.storage.sql.scopes import SqlScopes, SqlTokens
from pushserver.storage.sql.sessions import SqlSessions
from pushserver.storage.sql.shadows import SqlShadows
from pushserver.storage.sql.statistics import SqlStatistics
from pushserver.storage.sql.stream_interests import SqlStreamInterests
from pushserver.storage.sql.subscriptions import SqlSubscriptions
from pushserver.storage.sql.tasks import SqlTasks
from pushserver.storage.sql.upgrades import SqlUpgrades


@attrs.define(eq=False, kw_only=True, repr=False)
class SqlStore(SqlCommands, SqlHistory, SqlDevices, SqlTokens, SqlSessions, SqlScopes):
    """The parts of `Store` that need only SQL."""

    operations: SqlOperations
    notifications: SqlNotifications
    tasks: SqlTasks
    upgrades: SqlUpgrades
    shadows: SqlShadows
    subscriptions: SqlSubscriptions
    stream_interests: SqlStreamInterests
    retention: SqlRetention
    bodies: SqlBodies
    clock: SqlClock
    audit: SqlAudit
    blobs: SqlBlobs
    statistics: SqlStatistics

    async def check_writable(self) -> None:
        # Updating no row still takes the write lock and commits.
        await self.write(_delete_nothing, is_trial=True)

    async def claim_idempotency_key(
        self, record: IdempotencyRecord
    ) -> IdempotencyRecord | None:
        return await self.write(lambda c: claim_or_find_idempotency_key(c, record))

    async def save_idempotency_key(self, record: IdempotencyRecord) -> None:
        await self.write(lambda c: save_idempotency_key(c, record))

    async def release_idempotency_key(self, key: IdempotencyKey) -> None:
        await self.write(lambda c: release_idempotency_key(c, key))

    async def purge_idempotency_keys(self, *, before: int) -> int:
        return await self.write(lambda c: purge_idempotency_keys(c, before))


def _delete_nothing(connection: SqlConnection) -> None:
    connection.execute("DELETE FROM token WHERE id = -1")
