"""Held polls: at most one for each device waits for a command."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.command import Command, Delivery
from pushserver.model.device_access import KeyState
from pushserver.model.in_flight import InFlight


@attrs.frozen(kw_only=True)
class Poll:
    """
    A device's poll; `uuid` and `address` are stored with its deliveries.

    It began at `began_at`: what was handed out later was given to another poll.

    `is_gone` tells whether its connection is closed, or about to be, or whether the
    device is not served any more. `is_served` tells whether it is with other keys than
    those in memory. `has_ended` tells whether its device has closed its side: it gets
    what there is, and is not held.

    Its answer takes `max_commands`. With `labels_deliveries` each delivery gets a uuid
    of its own, which is its id.
    """

    device_id: int
    began_at: int
    uuid: str | None
    max_commands: int = 1
    labels_deliveries: bool = False
    address: str | None
    is_gone: Callable[[], bool]
    is_served: Callable[[KeyState], bool]
    has_ended: Callable[[], bool]

    def new_delivery(self, command: Command, delivery_id: int, now: int) -> Delivery:
        """Return the delivery of *command* to this poll."""
        return Delivery(
            id=delivery_id,
            command_id=command.id,
            device_id=command.device_id,
            uuid=str(delivery_id) if self.labels_deliveries else self.uuid,
            address=self.address,
            sent_at=now,
        )


@attrs.define(eq=False)
class HeldPoll:
    """
    A waiting poll; `wake` gets its answer, or nothing to check again.

    `is_claimed`: a decision that is being committed has an answer for it.
    `is_notified`: it waits no more, and is about to be woken.
    """

    poll: Poll
    is_claimed: bool = attrs.field(default=False, init=False)
    is_notified: bool = attrs.field(default=False, init=False)

    def wake(self, in_flights: Sequence[InFlight]) -> None:
        """Go on with the answer, or without one."""
        raise NotImplementedError

    def notify(self, in_flights: Sequence[InFlight] = ()) -> bool:
        """Wake the poll, with its answer if there is one; tell whether it waited."""
        if self.is_notified:
            return False
        self.is_notified = True
        asyncio.get_running_loop().call_soon(self.wake, in_flights)
        return True


class HeldPolls:
    """The newest waiting poll of each device; an older one is answered empty."""

    def __init__(self) -> None:
        self._holds: dict[int, HeldPoll] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._holds)

    def __iter__(self) -> Iterator[HeldPoll]:
        return iter(list(self._holds.values()))

    @property
    def is_closed(self) -> bool:
        """Tell whether polls are no longer held."""
        return self._closed

    def find_waiting(self, device_id: int) -> HeldPoll | None:
        """Return the device's poll if it waits unclaimed and is still connected."""
        hold = self._holds.get(device_id)
        if hold is None or hold.is_claimed or hold.is_notified:
            return None
        return None if hold.poll.is_gone() else hold

    def add(self, hold: HeldPoll) -> None:
        """Hold a poll; an older poll of the same device is answered empty."""
        self.release(hold.poll.device_id)
        hold.is_claimed = hold.is_notified = False
        self._holds[hold.poll.device_id] = hold

    def remove(self, hold: HeldPoll) -> bool:
        """Forget *hold*; tell whether it was still the device's newest."""
        is_newest = self._holds.get(hold.poll.device_id) is hold
        if is_newest:
            del self._holds[hold.poll.device_id]
        return is_newest

    def release(self, device_id: int) -> None:
        """Stop holding the device's poll; it is answered empty."""
        hold = self._holds.pop(device_id, None)
        if hold is not None:
            hold.notify()

    def wake(self, device_id: int) -> None:
        """Make the device's waiting poll check again."""
        hold = self.find_waiting(device_id)
        if hold is not None:
            hold.notify()

    def on_waiting(self, notice: ChangeNotice) -> None:
        """Make the polls of devices that may have a command check again."""
        for device_id in list(self._holds) if notice.everything else notice.waiting:
            self.wake(device_id)

    def close(self) -> None:
        """Answer every held poll empty, and hold no more."""
        self._closed = True
        for device_id in list(self._holds):
            self.release(device_id)
