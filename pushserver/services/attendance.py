"""Which devices come and go, and which are not what they say, told as events."""

import asyncio
import heapq
from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.device import Device
from pushserver.model.event import DeviceTold, EventType
from pushserver.model.lane import Lane
from pushserver.model.load import NOTHING
from pushserver.services.fleet import Fleet
from pushserver.services.presence import Seen
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past

#: Who is only there because it is at work is looked at again so soon (microseconds).
_AGAIN = 2 * SECOND
#: A server that died is taken over from within this; who went meanwhile is told then.
_TAKEOVER = 15 * SECOND


@attrs.define(eq=False)
class Attendance:
    """
    Tells who came and who went. `hold` is the server's, in microseconds.

    After a start, who was there when the server stopped is still taken to be there, so
    that who does not come back is missed. Of several servers over one store the one
    that leads tells who comes and goes; each tells what was odd to it.
    """

    store: Store
    clock: Clock
    fleet: Fleet
    hold: int
    _there: set[int] = attrs.field(factory=set, init=False)
    _alarms: list[tuple[int, int]] = attrs.field(factory=list, init=False)
    _untold: list[Seen] = attrs.field(factory=list, init=False)
    _is_watching: bool = attrs.field(default=False, init=False)

    def load(self) -> None:
        """Take for present who was present when the last device was seen."""
        stopped = max((d.last_seen_at or 0 for d in self._adopted()), default=0)
        self._begin(stopped)

    def _adopted(self) -> Iterable[Device]:
        return (device for device in self.fleet if device.is_adopted)

    def _begin(self, at: int) -> None:
        """Take for present who was present at the instant *at*."""
        self._is_watching = True
        self._there.clear()
        self._alarms.clear()
        now = self.clock.now()
        for device in self._adopted():
            if device.is_online(at, self.hold):
                self._there.add(device.device_id)
                self._watch(device, now)

    async def round(self) -> int:
        """
        Tell who came and who went since the last time; return how many.

        Raises:
            Unavailable: the store is away; what is not told yet is told the next time.
        """
        found = await self._watch_all() if self.store.leads else self._rest()
        news = [*self._untold, *found, *self.fleet.take_odd()]
        self._untold = []
        await self._tell_all(news)
        return len(news)

    async def _watch_all(self) -> list[Seen]:
        """Return who came and who went."""
        now = self.clock.now()
        if not self._is_watching:
            self._begin(now - _TAKEOVER)
        went = await self._went(now)
        came = [d for d in self.fleet.take_met() if self._comes(d, now)]
        return [
            *(Seen(d, EventType.DEVICE_ONLINE, now, None) for d in came),
            *(Seen(d, EventType.DEVICE_OFFLINE, now, None) for d in went),
        ]

    def _rest(self) -> list[Seen]:
        """Leave it to the server that leads."""
        self._is_watching = False
        self.fleet.take_met()
        return []

    def _comes(self, device: Device, now: int) -> bool:
        """Note a device that was seen; tell whether it had been away."""
        if not device.is_adopted or device.device_id in self._there:
            return False
        self._there.add(device.device_id)
        self._watch(device, now)
        return True

    def _watch(self, device: Device, now: int) -> None:
        """Look after *device* when it would be away if it came no more."""
        at = max(now, device.last_seen_at or 0) + device.patience(self.hold)
        heapq.heappush(self._alarms, (at, device.device_id))

    async def _went(self, now: int) -> Sequence[Device]:
        late = self._late(now)
        try:
            loads = await self.store.loads([device.device_id for device in late])
        except Unavailable:
            for device in late:
                heapq.heappush(self._alarms, (now, device.device_id))
            raise
        went = []
        for device in late:
            device_id = device.device_id
            if loads.get(device_id, NOTHING).flying or self.fleet.holds.find(device_id):
                heapq.heappush(self._alarms, (now + _AGAIN, device_id))
            else:
                self._there.discard(device_id)
                went.append(device)
        return went

    def _late(self, now: int) -> Sequence[Device]:
        """Return whose polls are missing, and look after the others again."""
        late = []
        while self._alarms and self._alarms[0][0] <= now:
            _, device_id = heapq.heappop(self._alarms)
            device = self.fleet.known(device_id)
            if device is None or not device.is_adopted:
                self._there.discard(device_id)
            elif device.is_online(now, self.hold):
                self._watch(device, 0)
            else:
                late.append(device)
        return late

    async def _tell_all(self, news: list[Seen]) -> None:
        ends = await asyncio.gather(*map(self._tell, news), return_exceptions=True)
        failed = [end for end in ends if isinstance(end, BaseException)]
        if failed:
            self._untold = [
                odd for odd, end in zip(news, ends, strict=True) if end is not None
            ]
            raise failed[0]

    async def _tell(self, odd: Seen) -> None:
        device, kind = odd.device, odd.kind
        told = DeviceTold(
            last_seen_at=device.last_seen_at, address=device.address, reason=odd.reason
        )

        def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
            changes.tell(device.scope_id, kind, odd.at, told, device.device_id)

        if kind in self.store.interest.get(device.scope_id, ()):
            await self.store.change(device.device_id, decide)
