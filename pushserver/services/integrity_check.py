"""Checks the database once a day: damage is found while there are backups."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta

import attrs
import structlog

from pushserver.clock import SECOND, Clock, wall_now
from pushserver.storage.integrity import IntegrityOutcome, IntegrityStore

log = structlog.get_logger(__name__)

#: The most faults that are logged, and kept over a restart.
_MAX_FAULTS = 20
#: The least time between two checks: the wall clock may be set back. A day may have 23
#: hours.
_LEAST_INTERVAL = 20 * 3600 * SECOND


@attrs.define(eq=False)
class IntegrityCheck:
    """
    Checks every table at `time_of_day`, by the machine's wall clock; None: never.

    `outcome` is that of the last check, also of one before a restart. It works half of
    the time, so that others find the disk free.
    """

    store: IntegrityStore
    clock: Clock
    time_of_day: time | None
    outcome: IntegrityOutcome | None = attrs.field(default=None, init=False)
    _not_before: int = attrs.field(init=False)
    _stopping: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    @_not_before.default
    def _now(self) -> int:
        return self.clock.now()

    async def run_if_due(self) -> int:
        """
        Check once the time of day has come; return how many tables.

        Raises:
            Unavailable: the database refused; the next call begins anew.
        """
        due_at = self._due_at()
        if due_at is None or due_at < self._not_before:
            return 0
        tables, faults = await self.store.list_tables(), list[str]()
        started_at = self.clock.now()
        for table in tables:
            faults += await self._check(table)
        self._not_before = due_at + _LEAST_INTERVAL
        if tables and not self._stopping.is_set():
            await self._record(IntegrityOutcome(started_at, faults), len(tables))
        return len(tables)

    async def load(self) -> None:
        """
        Read what the last check found.

        Raises:
            Unavailable: the database refused.
        """
        self.outcome = await self.store.last_outcome()

    def stop(self) -> None:
        """End a check that runs; it is not recorded."""
        self._stopping.set()

    def _due_at(self) -> int | None:
        """Return when that time of day was last, as the wall clock is set now."""
        if self.time_of_day is None:
            return None
        now = wall_now(self.clock).astimezone()
        today = datetime.combine(now.date(), self.time_of_day, now.tzinfo)
        age = (now - today) % timedelta(days=1)
        return self.clock.now() - age // timedelta(microseconds=1)

    async def _check(self, table: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        found = await self.store.find_faults(table, self._stopping.is_set)
        await self._pause(loop.time() - began_at)
        return [f"{table}: {fault}" for fault in found]

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _record(self, outcome: IntegrityOutcome, tables: int) -> None:
        self.outcome = outcome
        faults = outcome.faults[:_MAX_FAULTS]
        seconds = round((self.clock.now() - outcome.checked_at) / 1_000_000, 1)
        if faults:
            log.error("integrity.damaged", tables=tables, faults=faults)
        else:
            log.info("integrity.checked", tables=tables, seconds=seconds)
        await self.store.save_outcome(attrs.evolve(outcome, faults=faults))
