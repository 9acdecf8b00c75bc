"""Devices that came by themselves, keys that came into force, and foreign scopes."""

import attrs
import pytest

from pushserver.errors import Conflict
from pushserver.model.device import DeviceState
from pushserver.storage.base import Store
from pushserver.storage.scopes import Revocation
from tests.clock import START
from tests.model.factories import DEVICE
from tests.storage.revoking import revoke
from tests.storage.test_devices import device, names, token

pytestmark = pytest.mark.scopes(9)

OTHER = 9


async def test_found(store: Store) -> None:
    """A known device stays as it is; an unknown one is stored."""
    await store.save_devices([device(1, name="door")])
    found = [device(n, state=DeviceState.QUARANTINED) for n in (1, 2)]

    await store.add_devices(found)

    assert [(1, "door"), (2, None)] == await names(store)
    assert [DeviceState.ADOPTED, DeviceState.QUARANTINED] == [
        each.state for each in await store.all_devices()
    ]


async def test_key_comes_into_force(store: Store) -> None:
    """The newest key is demanded from its first use on, and nothing else changes."""
    await store.save_devices([device(name="door", key_hash="new", old_key_hash="old")])

    await store.enforce_keys([device(name="gate", key_hash="new")])

    (stored,) = await store.all_devices()
    assert ("door", True, None, "new") == (
        stored.name,
        stored.key_enforced,
        stored.old_key_hash,
        stored.used_key_hash,
    )


async def test_old_key_was_used(store: Store) -> None:
    """The old key was used last, unless it is not valid any more."""
    valid = device(1, key_hash="new", old_key_hash="old")
    gone = device(2, key_hash="new")
    await store.save_devices([valid, gone])

    await store.save_old_keys_used([valid, attrs.evolve(gone, old_key_hash="old")])

    assert ["old", None] == [each.used_key_hash for each in await store.all_devices()]


async def test_keyless(store: Store) -> None:
    """Since when a device is served without a key is written, and nothing else."""
    await store.save_devices([device(name="door")])

    await store.save_keyless(
        [device(name="gate", keyless_since=START, keyless_address="::1")]
    )

    (stored,) = await store.all_devices()
    assert ("door", START, "::1") == (
        stored.name,
        stored.keyless_since,
        stored.keyless_address,
    )


async def test_key_is_the_newest_no_more(store: Store) -> None:
    """A key that was replaced meanwhile is not demanded, and its follower stays."""
    await store.save_devices([device(key_hash="newer", old_key_hash="new")])

    await store.enforce_keys([device(key_hash="new")])

    (stored,) = await store.all_devices()
    assert (False, "newer", "new") == (
        stored.key_enforced,
        stored.key_hash,
        stored.old_key_hash,
    )


async def test_adopted_elsewhere(store: Store) -> None:
    """A device that another scope adopted is refused, and with it all of them."""
    await store.save_devices([device(2)])

    with pytest.raises(Conflict, match="Device 2 is adopted"):
        await store.save_devices([device(n, scope_id=OTHER) for n in (1, 2, 3)])

    assert [(2, 1)] == [(d.device_id, d.scope_id) for d in await store.all_devices()]


async def test_from_quarantine(store: Store) -> None:
    """Any scope may adopt who is in quarantine."""
    await store.save_devices([device(state=DeviceState.QUARANTINED)])

    await store.save_devices([device(scope_id=OTHER)])

    (stored,) = await store.all_devices()
    assert (OTHER, DeviceState.ADOPTED) == (stored.scope_id, stored.state)


async def test_some(store: Store) -> None:
    """Some devices are read with what was seen of them; others are not."""
    seen = device(2, last_seen_at=START, address="192.0.2.7")
    await store.save_devices([device(1), seen, device(3)])
    await store.save_last_seen([seen], [], keep=20)

    found = await store.devices({2, 3, DEVICE})

    assert [(2, START), (3, None)] == sorted(
        (each.device_id, each.last_seen_at) for each in found
    )


async def test_first_token(store: Store) -> None:
    """A scope without a valid token gets a first one; other scopes' do not count."""
    await store.add_token(attrs.evolve(token(5), scope_id=OTHER))

    assert await store.add_first_token(token(1))
    assert not await store.add_first_token(token(2))
    assert Revocation.DONE is await revoke(store, 1, 1)
    assert await store.add_first_token(token(3))
