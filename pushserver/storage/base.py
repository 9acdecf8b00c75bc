"""The promise that every store makes.

Conventions. `find…` may return None. Time comes in as an argument: a store never asks
the clock. What a method has returned from is on the disk (`synchronous=FULL`), and
survives the loss of power; what raised `Unavailable` may or may not be. Every write is
atomic: it happens wholly or not at all, also when its caller is cancelled.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes
from pushserver.model.device import Device, DeviceState, UnknownRequest
from pushserver.model.event import EventType
from pushserver.model.ids import IdGenerator
from pushserver.model.scope import Scope
from pushserver.model.token import Token
from pushserver.storage.commands import CommandStore
from pushserver.storage.history import CommandHistory
from pushserver.storage.operations import OperationStore, TaskStore
from pushserver.storage.shadows import ShadowStore
from pushserver.storage.subscriptions import StreamInterestStore, SubscriptionStore
from pushserver.storage.upgrades import UpgradeStore


@attrs.frozen(kw_only=True)
class DeviceFilter:
    """Which devices to list; None means any."""

    state: DeviceState | None = None
    tag: tuple[str, str] | None = None


class DeviceStore(Protocol):
    """The fleet, kept."""

    async def all_devices(self) -> Sequence[Device]:
        """Return every device with what was last seen of it."""

    async def devices(self, device_ids: Collection[int]) -> Sequence[Device]:
        """Return these devices, those that are there."""

    async def save_devices(self, devices: Sequence[Device]) -> None:
        """
        Write what administrators decided on these devices, all or nothing.

        Raises:
            Conflict: one is adopted in another scope.
        """

    async def add_devices(self, devices: Sequence[Device]) -> None:
        """Keep devices that came by themselves; who is known already stays as it is."""

    async def enforce_keys(self, devices: Sequence[Device]) -> None:
        """Demand these devices' newest keys, where those are still the newest."""

    async def delete_device(self, device_id: int) -> None:
        """Delete the device and its shadow; its commands and results stay."""

    async def save_last_seen(
        self,
        devices: Sequence[Device],
        unknown_requests: Sequence[UnknownRequest],
        *,
        keep: int,
    ) -> None:
        """Write what was seen, and of each device's strays only the newest *keep*."""

    async def unknown_requests(self, device_id: int) -> Sequence[UnknownRequest]:
        """Return the device's last odd requests, oldest first."""


class TokenStore(Protocol):
    """Tokens, kept as hashes."""

    async def all_tokens(self) -> Sequence[Token]:
        """Return every token that was not revoked, oldest first."""

    async def add_token(self, token: Token) -> None:
        """Keep a new token."""

    async def add_first_token(self, token: Token) -> bool:
        """Keep a token if its scope has no valid one; tell whether it had none."""

    async def revoke_token(self, scope_id: int, token_id: int, *, now: int) -> bool:
        """Revoke a token of the scope; tell whether there was one."""


@attrs.frozen
class PurgeCutoff:
    """What has an id below `before`, in one scope or, if that is None, in all."""

    before: int
    scope_id: int | None = None


class RetentionStore(Protocol):
    """Letting history go."""

    async def count_older(self, cutoff: PurgeCutoff) -> int:
        """Count rows that are old, also those that are still at work."""

    async def purge(self, cutoff: PurgeCutoff, *, limit: int) -> int:
        """
        Delete at most *limit* of each: ended commands, results, operations, tasks.

        Return how many rows. What is at work stays.
        """


class ScopeStore(Protocol):
    """Scopes, kept. The first one is there from the beginning."""

    async def all_scopes(self) -> Sequence[Scope]:
        """Return every scope, oldest first."""

    async def add_scope(self, scope: Scope, token: Token) -> None:
        """Keep a new scope and its first token, both or neither."""


class Store(
    CommandStore, CommandHistory, DeviceStore, TokenStore, ScopeStore, Protocol
):
    """All of it, and its own life."""

    @property
    def operations(self) -> OperationStore:
        """Operations and their notifications."""

    @property
    def tasks(self) -> TaskStore:
        """Tasks."""

    @property
    def upgrades(self) -> UpgradeStore:
        """Upgrades."""

    @property
    def shadows(self) -> ShadowStore:
        """What is desired and known of devices."""

    @property
    def subscriptions(self) -> SubscriptionStore:
        """Events, subscriptions and what was told to them."""

    @property
    def stream_interests(self) -> StreamInterestStore:
        """What streams want to hear of."""

    @property
    def retention(self) -> RetentionStore:
        """Letting history go."""

    @property
    def event_interest(self) -> dict[int, frozenset[EventType]]:
        """Which types of events are written, in each scope; to be kept up to date."""

    @property
    def new_id(self) -> IdGenerator:
        """Makes ids, each larger than every one in the store."""

    @property
    def is_leader(self) -> bool:
        """Whether it is this server that does what is done once for all of them."""

    @property
    def database_version(self) -> str:
        """What keeps it, with its release, for logs."""

    @property
    def is_shared(self) -> bool:
        """Whether other servers may be at work over the same store."""

    @property
    def outdated(self) -> asyncio.Event:
        """Is set when the schema has become too new for this release."""

    def add_notice_listener(self, listener: Callable[[ChangeNotice], None]) -> None:
        """Tell *listener* what other servers over the same store did."""

    async def sync_notices(self) -> None:
        """
        See that those who follow were told which devices, tokens, … others changed.

        That is, of all changes that were committed before the call.

        Raises:
            Unavailable: they cannot be told now.
        """

    async def check_writable(self) -> None:
        """
        Prove that the store can be written; what was asked before is done by then.

        Raises:
            Unavailable: it cannot.
        """

    async def purge_idempotency_keys(self, *, before: int) -> int:
        """Forget idempotency keys made before *before*; return how many."""

    def add_commit_observer(self, observer: Callable[[Changes], None]) -> None:
        """Call *observer* with what was written, right after each commit."""

    async def close(self) -> None:
        """Write what waits and close."""
