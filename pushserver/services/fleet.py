"""The fleet as administrators see it: adopt, change, import, give keys, delete."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import attrs

from pushserver.errors import Invalid, NotFound
from pushserver.model.device import (
    STRAYS_KEPT,
    Device,
    DeviceState,
    Stray,
    hash_secret,
    new_key,
)
from pushserver.model.lane import Changes, Lane
from pushserver.model.target import Targets
from pushserver.model.turns import end_waiting
from pushserver.services.presence import FLUSH, Presence
from pushserver.storage.base import Past


@attrs.frozen(kw_only=True)
class Imported:
    """What an import did, in devices."""

    created: int
    updated: int
    unchanged: int


@attrs.define(eq=False)
class Fleet(Presence):
    """What may be done with devices, on top of meeting them."""

    def find(self, device_id: int) -> Device | None:
        """Return the device if it is known."""
        return self._devices.get(device_id)

    def get(self, device_id: int) -> Device:
        """
        Return the device.

        Raises:
            NotFound: it is not known.
        """
        device = self._devices.get(device_id)
        if device is None:
            raise NotFound(f"There is no device {device_id}.")
        return device

    async def strays(self, device_id: int) -> list[Stray]:
        """Return the device's last odd requests, those not written yet, too."""
        written = await self.store.strays(device_id)
        return [*written, *self._strays.get(device_id, ())][-STRAYS_KEPT:]

    def page(
        self,
        *,
        after: int,
        limit: int,
        state: DeviceState | None = None,
        tag: tuple[str, str] | None = None,
    ) -> list[Device]:
        """List devices by their ids, those above *after*."""
        wanted = (
            device
            for device_id in self._sorted_from(after)
            if (device := self._devices.get(device_id)) is not None
            and (state is None or device.state is state)
            and (tag is None or device.tags.get(tag[0]) == tag[1])
        )
        return [device for device, _ in zip(wanted, range(limit), strict=False)]

    def _sorted_from(self, after: int) -> Iterable[int]:
        return sorted(i for i in self._devices if i > after)

    def select(self, scope_id: int, targets: Targets) -> list[Device]:
        """
        Return the adopted devices that are meant.

        Raises:
            Invalid: one of the ids is not theirs, or nobody is meant.
        """
        if targets.device_ids is not None:
            ids = dict.fromkeys(targets.device_ids)
            found = [self._meant(scope_id, device_id) for device_id in ids]
        else:
            found = [
                device
                for device in self._devices.values()
                if device.is_adopted
                and device.scope_id == scope_id
                and targets.include(device)
            ]
        if not found:
            raise Invalid("No adopted device is meant.", pointer="/targets")
        return found

    def _meant(self, scope_id: int, device_id: int) -> Device:
        device = self.find(scope_id, device_id)
        if device is None or not device.is_adopted:
            raise Invalid(
                f"There is no adopted device {device_id}.",
                pointer="/targets/deviceIds",
            )
        return device

    async def adopt(self, device_id: int) -> tuple[Device, bool]:
        """Vouch for a device, known or not; tell whether that was new."""
        device = self._devices.get(device_id)
        if device is not None and device.is_adopted:
            return device, False
        return await self._save(device_id, {}), True

    async def put(
        self, device_id: int, settings: Mapping[str, Any]
    ) -> tuple[Device, bool]:
        """Create or replace a device; tell whether it was created."""
        known = self._devices.get(device_id)
        new = known is None or not known.is_adopted
        blank: dict[str, Any] = {"name": None, "tags": {}, "hold": None}
        return await self._save(device_id, {**blank, **settings}), new

    async def patch(self, device_id: int, settings: Mapping[str, Any]) -> Device:
        """
        Change some of a device's settings.

        Raises:
            NotFound: it is not known.
        """
        device = self.get(device_id)
        return await self._save(device_id, settings, state=device.state)

    async def _save(
        self,
        device_id: int,
        settings: Mapping[str, Any],
        state: DeviceState = DeviceState.ADOPTED,
    ) -> Device:
        await self._save_all({device_id: settings}, state)
        return self._devices[device_id]

    async def _save_all(
        self,
        settings: Mapping[int, Mapping[str, Any]],
        state: DeviceState = DeviceState.ADOPTED,
    ) -> None:
        """
        Write first; only then do the devices in memory change.

        Many are written in pieces, so that a door command waits for no more than one.
        """
        async with self._saving:
            for start in range(0, len(settings), FLUSH):
                piece = dict(islice(settings.items(), start, start + FLUSH))
                await self._save_piece(piece, state)

    async def _save_piece(
        self, settings: Mapping[int, Mapping[str, Any]], state: DeviceState
    ) -> None:
        now = self.clock.now()
        wanted = [
            attrs.evolve(
                self._devices.get(device_id)
                or Device(device_id=device_id, state=state, created_at=now),
                state=state,
                **changes,
            )
            for device_id, changes in settings.items()
        ]
        await self.store.save_devices(wanted)
        for device in wanted:
            self._take(device, ("state", *settings[device.device_id]))

    def _take(self, saved: Device, names: Sequence[str]) -> None:
        """Bring what was saved into the device that is at work."""
        device = self._devices.setdefault(saved.device_id, saved)
        if device is not saved:
            self._quarantined -= not device.is_adopted
            for name in names:
                setattr(device, name, getattr(saved, name))
            self._quarantined += not device.is_adopted
        if "hold" in names:
            device.hang_ups, device.shortest_wait = 0, None

    async def import_devices(self, rows: Mapping[int, Mapping[str, Any]]) -> Imported:
        """Create or change many devices; fields that a row leaves out stay."""
        created = [i for i in rows if not self._is_adopted(i)]
        updated = [
            i
            for i, row in rows.items()
            if self._is_adopted(i) and self._differs(i, row)
        ]
        await self._save_all({i: rows[i] for i in (*created, *updated)})
        return Imported(
            created=len(created),
            updated=len(updated),
            unchanged=len(rows) - len(created) - len(updated),
        )

    def _is_adopted(self, device_id: int) -> bool:
        device = self._devices.get(device_id)
        return device is not None and device.is_adopted

    def _differs(self, device_id: int, row: Mapping[str, Any]) -> bool:
        device = self._devices[device_id]
        return any(getattr(device, name) != value for name, value in row.items())

    async def make_key(self, device_id: int, *, enforce: bool) -> str:
        """
        Give the device a new key; the one before stays valid until this is used.

        Raises:
            NotFound: the device is not known.
        """
        device, key = self.get(device_id), new_key()
        settings = {
            "key_hash": hash_secret(key),
            "old_key_hash": device.key_hash,
            "key_enforced": enforce or device.key_enforced or not device.polled_plain,
        }
        await self._save(device_id, settings, state=device.state)
        return key

    async def delete(self, device_id: int) -> None:
        """
        Forget a device and end what waits for it; its history stays.

        Raises:
            NotFound: it is not known.
        """
        self.get(device_id)

        def decide(lane: Lane, changes: Changes, _past: Past) -> None:
            now = self.clock.now()
            for command in list(lane.waiting):
                end_waiting(lane, command, changes, now=now)

        await self.store.change(device_id, decide)
        await self.store.forget_device(device_id)
        self._drop(device_id)
