"""What an operator wants to see at a glance: of every scope, and of all servers."""

from collections import Counter
from collections.abc import Mapping

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.fair_turns import FairTurns
from pushserver.model.ids import first_instant_after
from pushserver.model.state import CommandState
from pushserver.services.backups import Backups
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.off_loop import in_pieces
from pushserver.services.online_rule import OnlineRule
from pushserver.storage.base import Store
from pushserver.storage.statistics import Backlog, Stock

_DAY = 86_400 * SECOND
#: Microseconds for which the database's rows are not counted again.
_KEPT_FOR = 60 * SECOND


async def count_devices(
    devices: DeviceRegistry, online_rule: OnlineRule, now: int
) -> Mapping[str, int]:
    """Return how many devices of every scope are online, offline and quarantined."""
    found = Counter[str](online=0, offline=0, quarantined=0)
    async for device in in_pieces(devices):
        if not device.is_adopted:
            found["quarantined"] += 1
        elif online_rule.is_online(device, now):
            found["online"] += 1
        else:
            found["offline"] += 1
    return found


def count_live_commands(store: Store, backlog: Backlog) -> Mapping[CommandState, int]:
    """Return how many commands have not ended, by state."""
    return {
        CommandState.PENDING: max(store.waiting_by_scope.total(), 0),
        CommandState.SENT: 0,
        CommandState.DELIVERED: 0,
        **backlog.in_flight,
    }


@attrs.frozen(kw_only=True)
class Statistics:
    """
    The numbers at an instant. What is None there is none of, or nobody knows.

    `backup_at` is by the wall clock.
    """

    at: int
    devices: Mapping[str, int]
    commands: Mapping[CommandState, int]
    oldest_pending_at: int | None
    webhooks: int
    oldest_webhook_at: int | None
    stock: Stock
    backup_at: int | None


@attrs.define(eq=False)
class StatisticsReader:
    """Reads them, and found the database's rows at most once a minute."""

    store: Store
    clock: Clock
    devices: DeviceRegistry
    online_rule: OnlineRule
    backups: Backups
    _stock: tuple[int, Stock] | None = attrs.field(default=None, init=False)
    _reading: FairTurns = attrs.field(factory=FairTurns, init=False)

    async def read(self) -> Statistics:
        """
        Return the numbers.

        Raises:
            Unavailable: the store is away.
        """
        now = self.clock.now()
        backlog = await self.store.statistics.backlog()
        return Statistics(
            at=now,
            devices=await count_devices(self.devices, self.online_rule, now),
            commands=count_live_commands(self.store, backlog),
            oldest_pending_at=_made_at(backlog.oldest_pending),
            webhooks=backlog.webhooks,
            oldest_webhook_at=_made_at(backlog.oldest_event),
            stock=await self._read_stock(now),
            backup_at=self.backups.last_made_at(),
        )

    async def _read_stock(self, now: int) -> Stock:
        async with self._reading:
            if self._stock is None or not 0 <= now - self._stock[0] < _KEPT_FOR:
                stock = await self.store.statistics.stock(now - _DAY)
                self._stock = now, stock
            return self._stock[1]


def _made_at(row_id: int | None) -> int | None:
    return None if row_id is None else first_instant_after(row_id)
