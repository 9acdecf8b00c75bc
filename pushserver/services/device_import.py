"""Imports many devices in one call."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import attrs

from pushserver.model.actor import SERVER, Actor
from pushserver.model.device import DeviceIdentity
from pushserver.model.import_summary import ImportSummary
from pushserver.services.call_turns import CallTurns
from pushserver.services.fleet_admin import FleetAdmin
from pushserver.services.off_loop import in_pieces

#: One large import computes; so many of each token wait.
MAX_WAITING = 3


@attrs.define(eq=False, repr=False)
class DeviceImport:
    """Creates and changes what differs from what is there."""

    fleet: FleetAdmin
    _turns: CallTurns = attrs.field(
        factory=partial(CallTurns, "large imports", MAX_WAITING), init=False
    )

    def turn(self) -> AbstractAsyncContextManager[None]:
        """
        Wait until no other large import is read, or run.

        Raises:
            Busy: too many wait.
        """
        return self._turns.take()

    async def run(
        self,
        scope_id: int,
        rows: dict[DeviceIdentity, Any],
        actor: Actor = SERVER,
        *,
        dry_run: bool = False,
    ) -> ImportSummary:
        """
        Create or change many devices; fields missing in a row stay unchanged.

        A *dry_run* changes nothing: it tells what would be done. Nothing is left of
        *rows*: to free all of them at once would take long.

        Raises:
            Conflict: another scope has adopted one of them; nothing was changed.
        """
        try:
            return await self._run(scope_id, rows, actor, dry_run=dry_run)
        finally:
            async for _ in in_pieces(range(len(rows))):
                rows.popitem()

    async def _run(
        self,
        scope_id: int,
        rows: Mapping[DeviceIdentity, Mapping[str, Any]],
        actor: Actor,
        *,
        dry_run: bool,
    ) -> ImportSummary:
        changed = {
            i: row
            async for i, row in in_pieces(rows.items())
            if not self.fleet.devices.find_adopted(scope_id, i.device_id)
            or self._has_changes(scope_id, i.device_id, row)
        }
        if dry_run:
            created = await self.fleet.find_new(scope_id, changed)
        else:
            created = await self.fleet.adopt_all(scope_id, changed, actor)
        return ImportSummary(
            created=len(created),
            updated=len(changed) - len(created),
            unchanged=len(rows) - len(changed),
        )

    def _has_changes(
        self, scope_id: int, device_id: int, row: Mapping[str, Any]
    ) -> bool:
        device = self.fleet.devices.get(scope_id, device_id)
        return any(getattr(device, name) != value for name, value in row.items())
