"""Device administration: adopt and change."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict, Invalid
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, AuditEntry, device_entry
from pushserver.model.device import Device, DeviceIdentity, DeviceState
from pushserver.model.labels import check_tags
from pushserver.services.batches import batches
from pushserver.services.device_audit import adoption, adoption_entry, change_entry
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_removal import DeviceRemoval
from pushserver.services.device_sync import SCOPE_FIELDS, DeviceSync
from pushserver.services.off_loop import in_pieces
from pushserver.services.stock_bounds import StockBounds
from pushserver.storage.base import Store

#: Devices of which it is asked at once whether something is left of earlier ones.
LOOKUP_SIZE = 10_000
#: Earlier devices whose commands and plans are ended at the same time.
_ENDED_AT_ONCE = 100


@attrs.frozen(repr=False)
class FleetAdmin:
    """Changes devices in the store, and only then in memory."""

    store: Store
    clock: Clock
    removal: DeviceRemoval
    devices: DeviceRegistry
    device_sync: DeviceSync
    bounds: StockBounds

    async def adopt(
        self, scope_id: int, identity: DeviceIdentity, actor: Actor = SERVER
    ) -> tuple[Device, bool]:
        """
        Adopt a device, known or not; tell whether it was newly adopted.

        Raises:
            Conflict: another scope has adopted it.
        """
        device = self.devices.find(scope_id, identity.device_id)
        if device is not None and device.is_adopted:
            await self._end_conflict(device, actor)
            return device, False
        return await self._adopt(scope_id, identity, {}, actor)

    async def _end_conflict(self, device: Device, actor: Actor) -> None:
        """Serve an address that is shut out, too: somebody vouches for the device."""
        if device.shut_out_address is not None:
            scope_id, device_id = device.scope_id, device.device_id
            action, detail = (
                AuditAction.DEVICE_ADOPT,
                {"served": device.shut_out_address},
            )
            entry = device_entry(scope_id, actor, action, device_id, detail)
            await self.store.audit.add_entries([entry])
        device.end_conflict()
        self.devices.publish_changed([device.device_id])

    async def put(
        self,
        scope_id: int,
        identity: DeviceIdentity,
        settings: Mapping[str, Any],
        actor: Actor = SERVER,
    ) -> tuple[Device, bool]:
        """
        Create or replace a device; tell whether it was created.

        Raises:
            Conflict: another scope has adopted it.
        """
        blank: dict[str, Any] = {"name": None, "tags": {}, "hold": None}
        given = {**blank, **settings}
        return await self._adopt(scope_id, identity, given, actor)

    async def patch(
        self,
        scope_id: int,
        device_id: int,
        settings: Mapping[str, Any],
        actor: Actor = SERVER,
    ) -> Device:
        """
        Change some of a device's settings.

        Raises:
            NotFound: the scope does not have it.
            Invalid: it may not have these settings.
        """
        async with self.devices.write_lock:
            await self.device_sync.reload_before_write([device_id])
            identity = self.devices.get(scope_id, device_id).identity
            _check_settings(identity, settings)
            entry = change_entry(scope_id, actor, device_id, settings)
            await self.save_settings(scope_id, {identity: settings}, [entry])
        return self.devices.get(scope_id, device_id)

    async def change_adopted(
        self,
        scope_id: int,
        device_ids: Sequence[int],
        settings_of: Callable[[Device], Mapping[str, Any]],
        actor: Actor,
    ) -> None:
        """
        Change each of them that is adopted by what *settings_of* makes of it by then.

        Raises:
            Invalid: one may not have these settings; nothing was changed.
        """
        async with self.devices.write_lock:
            await self.device_sync.reload_before_write(device_ids)
            found = in_pieces(self.devices.find_all(scope_id, device_ids))
            settings = {d.identity: settings_of(d) async for d in found if d.is_adopted}
            await _checked_ids(settings)
            entry_of = partial(change_entry, scope_id, actor)
            for batch in batches(list(settings.items())):
                entries = [entry_of(i.device_id, given) for i, given in batch]
                await self.save_settings(scope_id, dict(batch), entries)

    async def _adopt(
        self,
        scope_id: int,
        identity: DeviceIdentity,
        settings: Mapping[str, Any],
        actor: Actor,
    ) -> tuple[Device, bool]:
        new = await self.adopt_all(scope_id, {identity: settings}, actor)
        device = self.devices.get(scope_id, identity.device_id)
        return device, identity.device_id in new

    async def adopt_all(
        self,
        scope_id: int,
        settings: Mapping[DeviceIdentity, Mapping[str, Any]],
        actor: Actor,
    ) -> Collection[int]:
        """
        Adopt or change devices; return the ids that were not adopted before.

        They are written in batches: a door command waits for one at most.

        Raises:
            Invalid: one may not have these settings; nothing was changed.
            Conflict: another scope has adopted one of them; nothing was changed.
        """
        async with self.devices.write_lock:
            device_ids = await _checked_ids(settings)
            await self.device_sync.reload_before_write(device_ids)
            await self._check_identities(settings)
            claimed = await self._claim(scope_id, device_ids, actor)
            new = {device_id async for device_id in in_pieces(claimed)}
            found = map(self.devices.find_in_any_scope, new)
            quarantined = [d async for d in in_pieces(found) if d is not None]
            for batch in batches(list(settings)):
                adopted, entries = {}, []
                async for i in in_pieces(batch):
                    given = settings[i]
                    adopted[i] = {**adoption(i.device_id, new, actor), **given}
                    entry = adoption_entry(scope_id, actor, i.device_id, given, new)
                    entries.append(entry)
                await self.save_settings(scope_id, adopted, entries)
            await self.device_sync.clear_unknown_requests(quarantined)
        return new

    async def find_new(
        self, scope_id: int, settings: Mapping[DeviceIdentity, Mapping[str, Any]]
    ) -> Collection[int]:
        """Return what `adopt_all` would, and raise what it would; change nothing."""
        async with self.devices.write_lock:
            device_ids = await _checked_ids(settings)
            await self.device_sync.reload_before_write(device_ids)
            await self._check_identities(settings)
            return self._require_room(await self._unadopted(scope_id, device_ids))

    def _require_room(self, new: Sequence[int]) -> Sequence[int]:
        """Return the ids of devices to be adopted, if there is room for them."""
        self.bounds.require_room("devices", self.devices.adopted_count, len(new))
        return new

    async def _check_identities(self, identities: Iterable[DeviceIdentity]) -> None:
        """Refuse a device whose derived int64 is another's; see `derive_identity`."""
        async for identity in in_pieces(identities):
            device = self.devices.find_in_any_scope(identity.device_id)
            if device is not None and device.identity != identity:
                raise Conflict(
                    f"Device {identity.external_id} cannot be told from device"
                    f" {device.external_id}; rename one of them."
                )

    async def _claim(
        self, scope_id: int, device_ids: Iterable[int], actor: Actor
    ) -> Collection[int]:
        """
        Return the ids that the scope has not adopted yet.

        What an earlier device with the same id left, in whichever scope, ends.

        Raises:
            Conflict: another scope has adopted one of them.
        """
        new = self._require_room(await self._unadopted(scope_id, device_ids))
        end = partial(self.removal.end_earlier, actor=actor)
        for batch in batches(new, LOOKUP_SIZE):
            live_ids = await self.store.devices_with_live_commands(batch)
            left_ids = {*live_ids, *await self.store.devices_with_plans(batch)}
            for some in batches(list(left_ids), _ENDED_AT_ONCE):
                await asyncio.gather(*map(end, some))
        return new

    async def _unadopted(
        self, scope_id: int, device_ids: Iterable[int]
    ) -> Sequence[int]:
        """
        Return the ids that the scope has not adopted yet.

        Raises:
            Conflict: another scope has adopted one of them.
        """
        find = partial(self.devices.find_adopted, scope_id)
        new = [i async for i in in_pieces(device_ids) if not find(i)]
        async for device_id in in_pieces(new):
            device = self.devices.find_in_any_scope(device_id)
            if device is not None and device.is_adopted:
                raise Conflict(
                    f"Device {device.external_id} is adopted in another scope."
                )
        return new

    async def save_settings(
        self,
        scope_id: int,
        settings: Mapping[DeviceIdentity, Mapping[str, Any]],
        audit: Sequence[AuditEntry],
    ) -> None:
        """
        Save the changed devices and *audit*, then bring the changes into memory.

        The caller holds the registry's `write_lock`, and has reloaded the devices.
        """
        current, updated = {}, []
        async for i, given in in_pieces(settings.items()):
            current[i] = self._device_or_blank(scope_id, i)
            updated.append(attrs.evolve(current[i], **given))
        await self.store.save_devices(updated, audit)
        async for device in in_pieces(updated):
            identity = device.identity
            known = self.devices.find_in_any_scope(device.device_id)
            names = () if current[identity] is known else ("scope_id", *SCOPE_FIELDS)
            self.devices.update(device, (*names, *settings[identity]))
        self.devices.publish_changed(device.device_id for device in updated)

    def _device_or_blank(self, scope_id: int, identity: DeviceIdentity) -> Device:
        """Return the device; from another scope only what was seen of it."""
        device = self.devices.find_in_any_scope(identity.device_id)
        if device is not None and device.scope_id == scope_id:
            return device
        blank = Device(
            **identity._asdict(),
            scope_id=scope_id,
            state=DeviceState.QUARANTINED,
            created_at=self.clock.now(),
        )
        if device is None:
            return attrs.evolve(blank, announced=True)
        blank_fields = {
            name: getattr(blank, name) for name in ("scope_id", *SCOPE_FIELDS)
        }
        return attrs.evolve(device, **blank_fields)


async def _checked_ids(
    settings: Mapping[DeviceIdentity, Mapping[str, Any]],
) -> Sequence[int]:
    """Return the ids of devices that may have these settings."""
    device_ids = []
    async for identity, given in in_pieces(settings.items()):
        _check_settings(identity, given)
        device_ids.append(identity.device_id)
    return device_ids


def _check_settings(identity: DeviceIdentity, given: Mapping[str, Any]) -> None:
    """Hold the bounds of tags, whoever changes them: all of them are in memory."""
    try:
        check_tags(given.get("tags", {}))
    except Invalid as error:
        detail = f"Device {identity.external_id}: {error.detail}"
        raise Invalid(detail, pointer=error.pointer) from None
