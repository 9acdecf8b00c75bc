"""Commands, kept, and moved by decisions on their devices' lanes.

The conventions are those of every store (`base`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, Order
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.queue_status import QueueStatus
from pushserver.model.shadow import Service

T = TypeVar("T")


@attrs.frozen
class Lookup:
    """
    What a decision needs to know of the past.

    `idempotency_key`: how this idempotency key was used. `delivery_uuid`: the newest
    delivery to the device with this uuid. `last_given_up`: if there is none, the last
    one that was given up. `operation_id`: this operation. `services`: every service of
    the device.
    """

    idempotency_key: IdempotencyKey | None = None
    delivery_uuid: str | None = None
    last_given_up: bool = False
    operation_id: int | None = None
    services: bool = False


@attrs.frozen
class PriorDelivery:
    """
    An earlier delivery and its command, with what follows that, as they stand.

    `later_answered`: a later delivery without uuid to the same device was answered.
    """

    delivery: Delivery
    command: Command
    later_answered: bool = False


@attrs.frozen
class PriorState:
    """What was recalled; None where there is nothing of the kind."""

    key_use: IdempotencyRecord | None = None
    by_uuid: PriorDelivery | None = None
    last_given_up: PriorDelivery | None = None
    operation: Operation | None = None
    services: Sequence[Service] = ()


NO_PRIOR_STATE = PriorState()


#: Whose lane a decision gets that is of no device; it is always empty.
NO_DEVICE = -1


#: Decides on a lane: mutates it, and notes in the changes what must be written. It
#: raises before it changes anything, or not at all.
Decision = Callable[[Lane, Changes, PriorState], T]


#: Told at once what became of a decision, also when its caller is gone: its value, or
#: None when the store failed, and whether the caller still waits for it.
CompletionCallback = Callable[[T | None, bool], None]


class CommandStore(Protocol):
    """
    Commands, kept, and moved by decisions.

    Of two decisions on one device the second sees what the first decided. Decisions
    that wait at the same time share one commit.
    """

    async def change_lane(
        self,
        device_id: int,
        decide: Decision[T],
        lookup: Lookup | None = None,
        on_done: CompletionCallback[T] | None = None,
    ) -> T:
        """
        Let *decide* change the device's lane; return its value when that is on disk.

        What *decide* raises is raised here and changes nothing.

        Raises:
            Unavailable: the store is away. The lane is as the disk has it.
        """

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell, without asking the disk, that a poll would be answered empty."""

    def cached_lane(self, device_id: int) -> Lane | None:
        """
        Return what this process knows of the lane without asking the disk.

        Where others write too, it is what it was a moment ago, if it is known at all.
        """

    async def queue_statuses(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, QueueStatus]:
        """
        Return what these devices have to do for the scope, None: for every one.

        Devices for which there is nothing may be left out.

        Raises:
            Unavailable: the store is away.
        """

    async def devices_with_live_commands(
        self, device_ids: Collection[int]
    ) -> Collection[int]:
        """
        Return those in whose lanes something waits or flies, or is about to.

        Whatever was asked for before counts.

        Raises:
            Unavailable: the store is away.
        """

    async def overdue_devices(self, now: int) -> Sequence[int]:
        """
        Return devices in whose lanes something is due.

        One that was told may be told again until it was looked after.

        Raises:
            Unavailable: the store is away.
        """

    async def shift_deadlines(self, jump: int) -> None:
        """
        Move the deadlines of what is live along with a wall clock that jumped.

        Raises:
            Unavailable: the store is away.
        """

    async def read_order(self, command_id: int) -> Order:
        """Return what the command orders. It was there a moment ago."""
