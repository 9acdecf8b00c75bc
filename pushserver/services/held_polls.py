"""Held polls: who is waiting here for a command, one for each device."""

import asyncio
from collections.abc import Callable, Iterator

import attrs

from pushserver.model.command import Command, Delivery
from pushserver.model.lane import InFlight


@attrs.frozen(kw_only=True)
class Poll:
    """A poll: whose, with which `uuid`, from where, and whether the peer is there."""

    device_id: int
    uuid: str | None
    address: str | None
    is_connected: Callable[[], bool]

    def new_delivery(self, command: Command, delivery_id: int, now: int) -> Delivery:
        """Return the delivery of *command* to this visitor."""
        return Delivery(
            id=delivery_id,
            command_id=command.id,
            device_id=command.device_id,
            uuid=self.uuid,
            address=self.address,
            sent_at=now,
        )


@attrs.define(eq=False)
class HeldPoll:
    """
    A poll that waits. `waiter` rings when it is worth looking again, or with its
    answer.

    Whoever claims a hold has promised it an answer: it takes no other.
    """

    poll: Poll
    waiter: asyncio.Future[InFlight | None]
    is_claimed: bool = False

    def notify(self, in_flight: InFlight | None = None) -> None:
        """Wake the poll, with its answer if there is one."""
        if not self.waiter.done():
            self.waiter.set_result(in_flight)


class HeldPolls:
    """The newest poll of each device that waits; an older one is sent away."""

    def __init__(self) -> None:
        self._holds: dict[int, HeldPoll] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._holds)

    def __iter__(self) -> Iterator[HeldPoll]:
        return iter(list(self._holds.values()))

    @property
    def is_closed(self) -> bool:
        """Tell whether nobody may wait any more."""
        return self._closed

    def find_waiting(self, device_id: int) -> HeldPoll | None:
        """Return the device's poll if one waits unclaimed and its peer is there."""
        hold = self._holds.get(device_id)
        if hold is None or hold.is_claimed or hold.waiter.done():
            return None
        return hold if hold.poll.is_connected() else None

    def add(self, poll: Poll) -> HeldPoll:
        """Let *poll* wait; an older poll of the same device is answered empty."""
        self.release(poll.device_id)
        hold = HeldPoll(poll, asyncio.get_running_loop().create_future())
        self._holds[poll.device_id] = hold
        return hold

    def remove(self, hold: HeldPoll) -> None:
        """Forget *hold*, if it is still the device's."""
        if self._holds.get(hold.poll.device_id) is hold:
            del self._holds[hold.poll.device_id]

    def is_newest(self, hold: HeldPoll) -> bool:
        """Tell whether no newer poll of the device has come."""
        return self._holds.get(hold.poll.device_id) is hold

    def release(self, device_id: int) -> None:
        """Send the device's waiting poll away: a newer one is there."""
        hold = self._holds.pop(device_id, None)
        if hold is not None:
            hold.notify()

    def wake(self, device_id: int) -> None:
        """Let the device's waiting poll look again."""
        hold = self.find_waiting(device_id)
        if hold is not None:
            hold.notify()

    def close(self) -> None:
        """Answer every held poll empty and hold none from now on."""
        self._closed = True
        for device_id in list(self._holds):
            self.release(device_id)
