"""Makes keys for devices: for one, or for many in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.device import Device, DeviceKeys
from pushserver.model.secret import hash_secret, new_device_key
from pushserver.services.batches import batches_until_stop
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_sync import DeviceSync
from pushserver.services.fleet_admin import FleetAdmin
from pushserver.services.off_loop import in_pieces

#: A key, which is shown once, and the device that has it from now on.
IssuedKey = tuple[str, Device]
#: So many get theirs at a time: in some milliseconds.
_BATCH_SIZE = 100


@attrs.frozen(repr=False)
class KeyIssuer:
    """Makes keys, of which the store gets hashes alone."""

    fleet: FleetAdmin
    devices: DeviceRegistry
    device_sync: DeviceSync
    policy: DeviceKeys

    async def make_key(
        self,
        scope_id: int,
        device_id: int,
        actor: Actor = SERVER,
        *,
        enforce: bool | None = None,
    ) -> IssuedKey:
        """
        Make a new key for the device; return it with the device.

        The key that it used last is valid until the new one is used. With *enforce*
        neither that one nor a poll without a key is served from now on. If it is not
        given, only a device that was not announced, and polled without a key, may go on
        doing so: its new address has to reach it over the old one.

        Raises:
            NotFound: the scope does not have the device.
        """
        async with self.devices.write_lock:
            await self.device_sync.reload_before_write([device_id])
            device = self.devices.get(scope_id, device_id)
            (made,) = await self._make(scope_id, [device], actor, enforce)
        return made

    async def make_keys(
        self,
        scope_id: int,
        device_ids: Sequence[int],
        actor: Actor,
        *,
        enforce: bool | None = None,
    ) -> list[IssuedKey]:
        """
        Make a new key, as `make_key` does, for each of the devices that are there.

        They are written in batches. If the store goes away in between, the keys before
        are lost, and whoever needs them asks for new ones.

        Raises:
            Unavailable: the store is away, or the server is stopping.
        """
        made: list[IssuedKey] = []
        for batch in batches_until_stop(self.fleet.store, device_ids, _BATCH_SIZE):
            async with self.devices.write_lock:
                await self.device_sync.reload_before_write(batch)
                devices = list(self.devices.find_all(scope_id, batch))
                made += await self._make(scope_id, devices, actor, enforce)
        return made

    async def _make(
        self,
        scope_id: int,
        devices: Sequence[Device],
        actor: Actor,
        enforce: bool | None,
    ) -> list[IssuedKey]:
        keys = [new_device_key() for _ in devices]
        settings = {
            device.identity: self._settings(device, key, enforce)
            async for device, key in in_pieces(zip(devices, keys, strict=True))
        }
        entries = [
            device_entry(
                scope_id,
                actor,
                AuditAction.DEVICE_KEY,
                identity.device_id,
                {"enforced": given["key_enforced"]},
            )
            async for identity, given in in_pieces(settings.items())
        ]
        await self.fleet.save_settings(scope_id, settings, entries)
        for device in devices:
            self.device_sync.write_behind.discard_key_use(device.device_id)
        return [
            (key, self.devices.get(scope_id, device.device_id))
            for device, key in zip(devices, keys, strict=True)
        ]

    def _settings(
        self, device: Device, key: str, enforce: bool | None
    ) -> Mapping[str, Any]:
        """Return what changes of a device that gets *key*."""
        enforced = (
            enforce
            or device.key_enforced
            or not device.polled_without_key
            or (enforce is None and device.announced)
            or self.policy is DeviceKeys.REQUIRED
        )
        return {
            **device.replace_key(enforce=bool(enforce)),
            "key_hash": hash_secret(key),
            "key_enforced": enforced,
        }
