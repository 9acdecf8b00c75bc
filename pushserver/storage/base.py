"""The promise that every store makes.

Conventions. `find…` may return None. Time comes in as an argument: a store never asks
the clock. What a method has returned from is on the disk (`synchronous=FULL`), and
survives the loss of power; what raised `Unavailable` may or may not be. Every write is
atomic: it happens wholly or not at all, also when its caller is cancelled.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut, Order, Result
from pushserver.model.device import Device, DeviceState, Stray
from pushserver.model.event import EventType
from pushserver.model.idempotency import Key, KeyUse
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.load import Load
from pushserver.model.news import News
from pushserver.model.operation import Operation
from pushserver.model.scope import Scope
from pushserver.model.shadow import Service
from pushserver.model.state import State
from pushserver.model.token import Token
from pushserver.storage.shadows import ShadowStore
from pushserver.storage.subscribing import InterestStore, SubscriptionStore
from pushserver.storage.tracking import OperationStore, TaskStore
from pushserver.storage.upgrading import UpgradeStore

T = TypeVar("T")


@attrs.frozen
class Recall:
    """
    What a decision needs to know of the past.

    `key`: how this idempotency key was used. `uuid`: the newest delivery to the device
    with this uuid. `given_up`: if there is none, the last one that was given up.
    `operation_id`: this operation. `shadow`: every service of the device.
    """

    key: Key | None = None
    uuid: str | None = None
    given_up: bool = False
    operation_id: int | None = None
    shadow: bool = False


@attrs.frozen
class PastDelivery:
    """
    An earlier delivery and its command, with what follows that, as they stand.

    `followed`: a later delivery without uuid to the same device was answered.
    """

    delivery: HandOut
    command: Command
    followed: bool = False


@attrs.frozen
class Past:
    """What was recalled; None where there is nothing of the kind."""

    key_use: KeyUse | None = None
    by_uuid: PastDelivery | None = None
    given_up: PastDelivery | None = None
    operation: Operation | None = None
    services: Sequence[Service] = ()


NO_PAST = Past()
#: Whose lane a decision gets that is of no device; it is always empty.
NO_DEVICE = -1

#: Decides on a lane: mutates it, and notes in the changes what must be written. It
#: raises before it changes anything, or not at all.
Decision = Callable[[Lane, Changes, Past], T]
#: Told at once what became of a decision, also when its caller is gone: its value, or
#: None when the store failed, and whether the caller still waits for it.
Then = Callable[[T | None, bool], None]


@attrs.frozen(kw_only=True)
class CommandFilter:
    """Which commands to list; None means any. Instants are microseconds UTC."""

    states: frozenset[State] = frozenset()
    device_id: int | None = None
    endpoint: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    operation_id: int | None = None


@attrs.frozen(kw_only=True)
class CommandRecord:
    """A command with all that is known of it. `command.order` is set."""

    command: Command
    deliveries: tuple[HandOut, ...]
    result: Result | None


@attrs.frozen(kw_only=True)
class DeviceFilter:
    """Which devices to list; None means any."""

    state: DeviceState | None = None
    tag: tuple[str, str] | None = None


class CommandStore(Protocol):
    """
    Commands, kept, and moved by decisions.

    Of two decisions on one device the second sees what the first decided. Decisions
    that wait at the same time share one commit.
    """

    async def change(
        self,
        device_id: int,
        decide: Decision[T],
        recall: Recall | None = None,
        then: Then[T] | None = None,
    ) -> T:
        """
        Let *decide* change the device's lane; return its value when that is on disk.

        What *decide* raises is raised here and changes nothing.

        Raises:
            Unavailable: the store is away. The lane is as the disk has it.
        """

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell, without asking the disk, that a poll would be answered empty."""

    def lane(self, device_id: int) -> Lane | None:
        """
        Return what this process knows of the lane without asking the disk.

        Where others write too, it is what it was a moment ago, if it is known at all.
        """

    async def loads(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, Load]:
        """
        Return what these devices have to do for the scope, None: for every one.

        Devices for which there is nothing may be left out.

        Raises:
            Unavailable: the store is away.
        """

    async def live(self, device_ids: Collection[int]) -> Collection[int]:
        """
        Return those in whose lanes something waits or flies, or is about to.

        Whatever was asked for before counts.

        Raises:
            Unavailable: the store is away.
        """

    async def overdue(self, now: int) -> Sequence[int]:
        """
        Return devices in whose lanes something is due.

        One that was told may be told again until it was looked after.

        Raises:
            Unavailable: the store is away.
        """

    async def shift(self, jump: int) -> None:
        """
        Move the deadlines of what is live along with a wall clock that jumped.

        Raises:
            Unavailable: the store is away.
        """

    async def order(self, command_id: int) -> Order:
        """Return what the command orders. It was there a moment ago."""


class History(Protocol):
    """
    Reading what was kept. Never waits for a writer, never sees half-done work.

    What another scope than *scope_id* has is not there.

    Lists read no more rows than they return (but for filters combined, and for
    `created_before`: those of a day besides). A page of results or commands ends early
    when their bodies grow over some megabytes.
    """

    async def find_command(
        self, scope_id: int, command_id: int
    ) -> CommandRecord | None:
        """Return one command with its deliveries and its result."""

    async def find_result(self, scope_id: int, command_id: int) -> Result | None:
        """Return the result that ended the command."""

    async def commands(
        self, scope_id: int, wanted: CommandFilter, *, before: int | None, limit: int
    ) -> Sequence[CommandRecord]:
        """List commands, newest first, with ids below *before*."""

    async def results(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        device_id: int | None,
        orphan: bool | None,
    ) -> Sequence[Result]:
        """List results in the order they came, with ids above *after*."""


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

    async def forget_device(self, device_id: int) -> None:
        """Delete the device and its shadow; its commands and results stay."""

    async def save_seen(
        self, devices: Sequence[Device], strays: Sequence[Stray], *, keep: int
    ) -> None:
        """Write what was seen, and of each device's strays only the newest *keep*."""

    async def strays(self, device_id: int) -> Sequence[Stray]:
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
class Old:
    """What has an id below `before`, in one scope or, if that is None, in all."""

    before: int
    scope_id: int | None = None


class HistoryStore(Protocol):
    """Letting history go."""

    async def count_old(self, old: Old) -> int:
        """Count rows that are old, also those that are still at work."""

    async def purge(self, old: Old, *, limit: int) -> int:
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


class Store(CommandStore, History, DeviceStore, TokenStore, ScopeStore, Protocol):
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
    def interests(self) -> InterestStore:
        """What streams want to hear of."""

    @property
    def history(self) -> HistoryStore:
        """Letting history go."""

    @property
    def interest(self) -> dict[int, frozenset[EventType]]:
        """Which types of events are written, in each scope; to be kept up to date."""

    @property
    def new_id(self) -> IdSource:
        """Makes ids, each larger than every one in the store."""

    @property
    def leads(self) -> bool:
        """Whether it is this server that does what is done once for all of them."""

    @property
    def version(self) -> str:
        """What keeps it, with its release, for logs."""

    @property
    def is_shared(self) -> bool:
        """Whether other servers may be at work over the same store."""

    def follow(self, listener: Callable[[News], None]) -> None:
        """Tell *listener* what other servers over the same store did."""

    async def hear(self) -> None:
        """
        See that those who follow were told which devices, tokens, … others changed.

        That is, of all changes that were committed before the call.

        Raises:
            Unavailable: they cannot be told now.
        """

    async def check(self) -> None:
        """
        Prove that the store can be written; what was asked before is done by then.

        Raises:
            Unavailable: it cannot.
        """

    async def purge_keys(self, *, before: int) -> int:
        """Forget idempotency keys made before *before*; return how many."""

    def watch(self, observer: Callable[[Changes], None]) -> None:
        """Call *observer* with what was written, right after each commit."""

    async def close(self) -> None:
        """Write what waits and close."""
