"""Keys: from when on one is demanded, and how it is replaced."""

import pytest

from pushserver.errors import NotFound
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.fleet_admin import FleetAdmin
from pushserver.web.services import Services
from tests.devices import terminal
from tests.model.factories import DEVICE

HOME = "192.0.2.7"


@pytest.fixture(name="registry")
async def _registry(services: Services) -> FleetAdmin:
    """Return a fleet with one device."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})
    return services.fleet


def served(registry: FleetAdmin, key: str | None) -> bool:
    """Return whether the device is served when it comes with *key*."""
    return registry.admit(terminal(DEVICE), key, HOME) is not None


async def test_at_once(registry: FleetAdmin) -> None:
    """A device that never polled without one is served under its key alone."""
    key = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert not served(registry, None)
    assert not served(registry, key + "x")
    assert served(registry, key)
    assert (1, 1) == (
        registry.counts["refused.noKey"],
        registry.counts["refused.wrongKey"],
    )


async def test_from_the_first_keyed_poll_on(registry: FleetAdmin) -> None:
    """One that polled without a key is served so until it comes with it."""
    assert served(registry, None)
    key = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert served(registry, None)
    assert served(registry, key)
    assert not served(registry, None)
    assert served(registry, key)


async def test_when_told(registry: FleetAdmin) -> None:
    """A key can be demanded at once."""
    assert served(registry, None)
    key = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True)

    assert not served(registry, None)
    assert served(registry, key)


async def test_rotation(registry: FleetAdmin) -> None:
    """While a key is replaced both are valid; using the new one ends the old one."""
    old = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    assert served(registry, old)
    new = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert served(registry, old)
    assert not served(registry, None)
    assert served(registry, new)
    assert not served(registry, old)
    assert served(registry, new)


async def test_third_key(registry: FleetAdmin) -> None:
    """Two keys are valid, not three."""
    first = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    second = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    third = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert not served(registry, first)
    assert served(registry, second)
    assert served(registry, third)
    assert not served(registry, second)


async def test_after_a_restart(registry: FleetAdmin) -> None:
    """Keys, and from when on they are demanded, survive a restart."""
    assert served(registry, None)
    key = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    assert served(registry, key)
    while not registry.is_flushed:
        await registry.flush()
    again = FleetAdmin(
        store=registry.store,
        clock=registry.clock,
        ids=registry.ids,
        key_policy=registry.key_policy,
        holds=registry.holds,
        lanes=registry.lanes,
    )
    await again.load()

    assert not served(again, None)
    assert served(again, key)


async def test_stored_hashed(registry: FleetAdmin) -> None:
    """The key itself is stored nowhere."""
    key = await registry.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert key not in repr(registry.get(DEFAULT_SCOPE_ID, DEVICE))
    assert key not in repr(await registry.store.all_devices())


async def test_unknown(registry: FleetAdmin) -> None:
    """A device that is not known gets no key."""
    with pytest.raises(NotFound):
        await registry.make_key(DEFAULT_SCOPE_ID, 5, enforce=False)


async def test_quarantined(registry: FleetAdmin) -> None:
    """A key does not let a quarantined device in."""
    registry.admit(terminal(5), None, HOME)
    key = await registry.make_key(DEFAULT_SCOPE_ID, 5, enforce=False)

    assert registry.admit(terminal(5), key, HOME) is None
