"""Keys: from when on one is demanded, and how it is replaced."""

import pytest

from pushserver.composition import build_services
from pushserver.errors import NotFound
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.settings import Settings
from pushserver.web.services import Services
from tests.devices import terminal
from tests.model.factories import DEVICE

HOME = "192.0.2.7"


@pytest.fixture(autouse=True)
async def _device(services: Services) -> None:
    """Adopt the one device."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})


def served(services: Services, key: str | None) -> bool:
    """Return whether the device is served when it comes with *key*."""
    return services.admission.admit(terminal(DEVICE), key, HOME) is not None


async def test_at_once(services: Services) -> None:
    """A device that never polled without one is served under its key alone."""
    key = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert not served(services, None)
    assert not served(services, key + "x")
    assert served(services, key)
    assert (1, 1) == (
        services.counts["refused.noKey"],
        services.counts["refused.wrongKey"],
    )


async def test_from_the_first_keyed_poll_on(services: Services) -> None:
    """One that polled without a key is served so until it comes with it."""
    assert served(services, None)
    key = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert served(services, None)
    assert served(services, key)
    assert not served(services, None)
    assert served(services, key)


async def test_when_told(services: Services) -> None:
    """A key can be demanded at once."""
    assert served(services, None)
    key = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True)

    assert not served(services, None)
    assert served(services, key)


async def test_rotation(services: Services) -> None:
    """While a key is replaced both are valid; using the new one ends the old one."""
    old = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    assert served(services, old)
    new = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert served(services, old)
    assert not served(services, None)
    assert served(services, new)
    assert not served(services, old)
    assert served(services, new)


async def test_third_key(services: Services) -> None:
    """Two keys are valid, not three."""
    first = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    second = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    third = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert not served(services, first)
    assert served(services, second)
    assert served(services, third)
    assert not served(services, second)


async def test_after_a_restart(services: Services) -> None:
    """Keys, and from when on they are demanded, survive a restart."""
    assert served(services, None)
    key = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)
    assert served(services, key)
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()
    again = build_services(Settings(), services.store, services.clock)
    await again.devices.load()

    assert not served(again, None)
    assert served(again, key)


async def test_stored_hashed(services: Services) -> None:
    """The key itself is stored nowhere."""
    key = await services.fleet.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=False)

    assert key not in repr(services.devices.get(DEFAULT_SCOPE_ID, DEVICE))
    assert key not in repr(await services.store.all_devices())


async def test_unknown(services: Services) -> None:
    """A device that is not known gets no key."""
    with pytest.raises(NotFound):
        await services.fleet.make_key(DEFAULT_SCOPE_ID, 5, enforce=False)


async def test_quarantined(services: Services) -> None:
    """A key does not let a quarantined device in."""
    services.admission.admit(terminal(5), None, HOME)
    key = await services.fleet.make_key(DEFAULT_SCOPE_ID, 5, enforce=False)

    assert services.admission.admit(terminal(5), key, HOME) is None
