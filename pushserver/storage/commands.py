"""Commands, and the decisions on their devices' lanes that change them.

The conventions are those of every store (`base`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery
from pushserver.model.device import Device
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.order import Order
from pushserver.model.queue_status import QueueStatus
from pushserver.model.shadow import Service

T = TypeVar("T")


@attrs.frozen
class Lookup:
    """
    What to read from the store before a decision runs.

    `idempotency_key`: how the key was used. `delivery_uuid`: the newest delivery to the
    device with this uuid; of those that were answered, only of late. `last_given_up`:
    if there is none, the last delivery given up, or answered unreadably.
    `operation_id`: this operation. `services`: every service of the device. `device`:
    the device, and its operations that run, the first `max_operations` of them.
    """

    idempotency_key: IdempotencyKey | None = None
    delivery_uuid: str | None = None
    last_given_up: bool = False
    operation_id: int | None = None
    services: bool = False
    device: bool = False
    max_operations: int | None = None


@attrs.frozen
class PriorDelivery:
    """
    An earlier delivery, its command, and the operation and service of that.

    `later_answered`: a later delivery without uuid to the same device was answered.
    """

    delivery: Delivery
    command: Command
    later_answered: bool = False


@attrs.frozen
class PriorState:
    """What a `Lookup` found; None where there is nothing."""

    key_use: IdempotencyRecord | None = None
    by_uuid: PriorDelivery | None = None
    last_given_up: PriorDelivery | None = None
    operation: Operation | None = None
    services: Sequence[Service] = ()
    device: Device | None = None
    running_operations: Sequence[Operation] = ()


NO_PRIOR_STATE = PriorState()


#: Pseudo device id of decisions that concern no device; its lane is always empty.
NO_DEVICE = -1


#: Changes a lane, and records in the `Changes` what to write. If it raises, it does so
#: before it changes anything.
Decision = Callable[[Lane, Changes, PriorState], T]


#: Called once a decision was committed or has failed, even if its caller is gone: with
#: whether it was committed, and whether the caller still waits.
CompletionCallback = Callable[[bool, bool], None]


class CommandStore(Protocol):
    """
    Commands, which decisions change.

    Decisions on one device run one after the other; those that wait at the same time
    share a commit.
    """

    def change_lane(
        self,
        device_id: int,
        decide: Decision[T],
        lookup: Lookup | None = None,
        on_done: CompletionCallback | None = None,
    ) -> asyncio.Future[T]:
        """
        Run *decide* on the device's lane; its value comes once the change is on disk.

        An exception from *decide* comes in its place, and nothing changes.

        Raises:
            Unavailable: the store is away; the lane is unchanged.
        """

    @property
    def waiting_by_scope(self) -> Counter[int]:
        """
        How many commands of each scope wait, 0 of most.

        Those that another server added or handed out are known by the next recount.
        """

    async def recount_waiting(self) -> int:
        """
        Learn how many commands wait from the store, if other servers change that, too.

        Return how many do.

        Raises:
            Unavailable: the store is away.
        """

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Tell from memory whether a poll would certainly get no command."""

    def cached_lane(self, device_id: int) -> Lane | None:
        """
        Return the lane as this process has it in memory.

        If other servers write, too, it may be out of date or missing.
        """

    async def queue_statuses(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, QueueStatus]:
        """
        Return the queues of these devices, of one scope or of all if it is None.

        Devices with an empty queue may be left out.

        Raises:
            Unavailable: the store is away.
        """

    async def queue_depths(self, scope_id: int) -> Mapping[int, int]:
        """
        Return how many commands of the scope wait, by device, where any do.

        Raises:
            Unavailable: the store is away.
        """

    async def devices_in_flight(self, scope_id: int) -> Collection[int]:
        """
        Return the devices that have a command of the scope in flight.

        Raises:
            Unavailable: the store is away.
        """

    async def devices_with_live_commands(
        self, device_ids: Collection[int]
    ) -> Collection[int]:
        """
        Return those of the devices that have live commands.

        That includes all commands requested before the call.

        Raises:
            Unavailable: the store is away.
        """

    async def devices_with_waiting(self, guarantee: DeliveryGuarantee) -> Sequence[int]:
        """
        Return the devices for which a command with this guarantee waits.

        Raises:
            Unavailable: the store is away.
        """

    async def overdue_devices(self, now: int) -> Sequence[int]:
        """
        Return devices with a deadline that has passed.

        A device may be returned again until a decision has handled it.

        Raises:
            Unavailable: the store is away.
        """

    async def look_up(self, device_id: int, lookup: Lookup) -> PriorState:
        """
        Read what a decision would find, without one: no commit waits for this.

        Raises:
            Unavailable: the store is away.
        """

    async def read_order(self, command_id: int) -> Order:
        """Return the order of a command that exists."""
