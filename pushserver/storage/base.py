"""The interface of every store.

Conventions: `find…` may return None. Time is an argument: a store never asks the clock.
Once a method returns, its write is on disk (`synchronous=FULL`) and survives a power
failure; after `Unavailable` it may or may not be. Every write is atomic, even if its
caller is cancelled.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pushserver.metrics.recorder import CommitMetrics
from pushserver.model.event import EventType
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.ids import IdGenerator
from pushserver.storage.audit import AuditStore
from pushserver.storage.backup import BackupStore
from pushserver.storage.blobs import BlobStore
from pushserver.storage.bodies import BodyStore
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.clock import ClockStore
from pushserver.storage.commands import CommandStore
from pushserver.storage.devices import DeviceStore
from pushserver.storage.history import CommandHistory
from pushserver.storage.integrity import IntegrityStore
from pushserver.storage.notifications import NotificationStore
from pushserver.storage.operations import OperationStore
from pushserver.storage.retention import RetentionStore
from pushserver.storage.scopes import ScopeStore, TokenStore
from pushserver.storage.servers import ServerInfo
from pushserver.storage.sessions import SessionStore
from pushserver.storage.shadows import ShadowStore
from pushserver.storage.statistics import StatisticsStore
from pushserver.storage.subscriptions import StreamInterestStore, SubscriptionStore
from pushserver.storage.tasks import TaskStore
from pushserver.storage.upgrades import UpgradeStore


class Store(
    CommandStore,
    CommandHistory,
    DeviceStore,
    TokenStore,
    SessionStore,
    ScopeStore,
    Protocol,
):
    """The whole store, and its lifecycle."""

    @property
    def operations(self) -> OperationStore:
        """Operations and their steps."""

    @property
    def notifications(self) -> NotificationStore:
        """The notifications of operations."""

    @property
    def tasks(self) -> TaskStore:
        """Tasks."""

    @property
    def upgrades(self) -> UpgradeStore:
        """Upgrades."""

    @property
    def shadows(self) -> ShadowStore:
        """The desired and reported properties of devices."""

    @property
    def subscriptions(self) -> SubscriptionStore:
        """Events, subscriptions and their deliveries."""

    @property
    def stream_interests(self) -> StreamInterestStore:
        """The event types to record for streams."""

    @property
    def retention(self) -> RetentionStore:
        """Deletion of old rows."""

    @property
    def bodies(self) -> BodyStore:
        """Deletion of bodies of rows that stay."""

    @property
    def integrity(self) -> IntegrityStore:
        """Checks of what is stored."""

    @property
    def blobs(self) -> BlobStore:
        """Bytes that commands carry."""

    @property
    def statistics(self) -> StatisticsStore:
        """Numbers about what is stored."""

    @property
    def commit_metrics(self) -> CommitMetrics:
        """What commits of this process took, and what became of commands by them."""

    @property
    def backups(self) -> BackupStore:
        """Backups, and whether this is a restored one."""

    @property
    def audit(self) -> AuditStore:
        """What was done, by whom."""

    @property
    def event_interest(self) -> dict[int, frozenset[EventType]]:
        """The event types to record, by scope; the caller keeps it up to date."""

    @property
    def new_id(self) -> IdGenerator:
        """Makes ids, each larger than any in the store."""

    async def servers(self) -> Sequence[ServerInfo]:
        """
        Return the servers over the database, by node number; of a file none.

        Raises:
            Unavailable: the store is away.
        """

    @property
    def is_leader(self) -> bool:
        """Whether this server does the work that only one of them does."""

    @property
    def database_version(self) -> str:
        """The database's name and version, for logs."""

    @property
    def is_shared(self) -> bool:
        """Whether other servers may use the same database."""

    @property
    def outdated(self) -> asyncio.Event:
        """Is set when the schema has become too new for this release."""

    @property
    def feed(self) -> ChangeFeed:
        """
        The changes committed here and by other servers over the same store.

        A commit is published once it is on disk, before its callers return.
        """

    def is_up_to_date(self, seconds: float) -> bool:
        """
        Tell whether subscribers know of every change committed up to *seconds* ago.

        Not while the connection is lost, or silent, over which others are heard.
        """

    async def sync_notices(self) -> None:
        """
        Return when subscribers know of every change committed before the call.

        Raises:
            Unavailable: the connection to the other servers is lost.
        """

    async def check_writable(self) -> None:
        """
        Write something, and return when it is on disk.

        Raises:
            Unavailable: the store cannot be written.
        """

    def has_write_failed(self, within: float) -> bool:
        """
        Tell whether the last write failed, less than *within* seconds ago.

        What failed for its values, or only tried as `check_writable` does, is no write.
        """

    async def empty_log(self) -> bool:
        """
        Empty the log of writes beside the database, in which deleted rows still are.

        Tell whether it is empty now: somebody who reads may keep it.

        Raises:
            Unavailable: the store is away.
        """

    async def claim_idempotency_key(
        self, record: IdempotencyRecord
    ) -> IdempotencyRecord | None:
        """
        Claim a key with *record* and return None; or return how it is in use already.

        Raises:
            Unavailable: the store is away.
        """

    async def save_idempotency_key(self, record: IdempotencyRecord) -> None:
        """
        Store the answer of a claimed key.

        Raises:
            Unavailable: the store is away.
        """

    async def release_idempotency_key(self, key: IdempotencyKey) -> None:
        """
        Forget a claimed key: nothing came of its request.

        Raises:
            Unavailable: the store is away.
        """

    @property
    def clock(self) -> ClockStore:
        """What is kept of clocks."""

    async def purge_idempotency_keys(self, *, before: int) -> int:
        """Delete idempotency keys used before *before*; return how many."""

    @property
    def is_closing_soon(self) -> bool:
        """Whether the server is stopping: long work ends after its next batch."""

    def prepare_to_close(self) -> None:
        """Wait only briefly, from now on, for what another process keeps locked."""

    async def close(self) -> None:
        """Commit the waiting writes, then close."""
