"""Held polls: who is waiting here for a command, one for each device."""

import asyncio
from collections.abc import Callable, Iterator

import attrs

from pushserver.model.command import Command, HandOut
from pushserver.model.lane import Flight


@attrs.frozen(kw_only=True)
class Visit:
    """A poll: whose, with which `uuid`, from where, and whether the peer is there."""

    device_id: int
    uuid: str | None
    address: str | None
    is_there: Callable[[], bool]

    def delivery(self, command: Command, delivery_id: int, now: int) -> HandOut:
        """Return the delivery of *command* to this visitor."""
        return HandOut(
            id=delivery_id,
            command_id=command.id,
            device_id=command.device_id,
            uuid=self.uuid,
            address=self.address,
            sent_at=now,
        )


@attrs.define(eq=False)
class Hold:
    """
    A poll that waits. `bell` rings when it is worth looking again, or with its answer.

    Whoever claims a hold has promised it an answer: it takes no other.
    """

    visit: Visit
    bell: asyncio.Future[Flight | None]
    claimed: bool = False

    def ring(self, flight: Flight | None = None) -> None:
        """Wake the poll, with its answer if there is one."""
        if not self.bell.done():
            self.bell.set_result(flight)


class Holds:
    """The newest poll of each device that waits; an older one is sent away."""

    def __init__(self) -> None:
        self._holds: dict[int, Hold] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._holds)

    def __iter__(self) -> Iterator[Hold]:
        return iter(list(self._holds.values()))

    @property
    def is_closed(self) -> bool:
        """Tell whether nobody may wait any more."""
        return self._closed

    def find(self, device_id: int) -> Hold | None:
        """Return the device's poll if one waits unclaimed and its peer is there."""
        hold = self._holds.get(device_id)
        if hold is None or hold.claimed or hold.bell.done():
            return None
        return hold if hold.visit.is_there() else None

    def enter(self, visit: Visit) -> Hold:
        """Let *visit* wait; an older poll of the same device is answered empty."""
        self.dismiss(visit.device_id)
        hold = Hold(visit, asyncio.get_running_loop().create_future())
        self._holds[visit.device_id] = hold
        return hold

    def leave(self, hold: Hold) -> None:
        """Forget *hold*, if it is still the device's."""
        if self._holds.get(hold.visit.device_id) is hold:
            del self._holds[hold.visit.device_id]

    def is_newest(self, hold: Hold) -> bool:
        """Tell whether no newer poll of the device has come."""
        return self._holds.get(hold.visit.device_id) is hold

    def dismiss(self, device_id: int) -> None:
        """Send the device's waiting poll away: a newer one is there."""
        hold = self._holds.pop(device_id, None)
        if hold is not None:
            hold.ring()

    def wake(self, device_id: int) -> None:
        """Let the device's waiting poll look again."""
        hold = self.find(device_id)
        if hold is not None:
            hold.ring()

    def close(self) -> None:
        """Answer every held poll empty and hold none from now on."""
        self._closed = True
        for device_id in list(self._holds):
            self.dismiss(device_id)
