"""Keys: from when on one is demanded, and how it is replaced."""

import pytest

from pushserver.errors import NotFound
from pushserver.model.scope import FIRST_SCOPE
from pushserver.services.fleet import Fleet
from pushserver.web.services import Services
from tests.model.values import DEVICE

HOME = "192.0.2.7"


@pytest.fixture(name="fleet")
async def _fleet(services: Services) -> Fleet:
    """Return a fleet with one device."""
    await services.fleet.put(FIRST_SCOPE, DEVICE, {})
    return services.fleet


def served(fleet: Fleet, key: str | None) -> bool:
    """Tell whether the device is served when it comes with *key*."""
    return fleet.meet(DEVICE, key, HOME) is not None


async def test_at_once(fleet: Fleet) -> None:
    """A device that never polled without one is served under its key alone."""
    key = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)

    assert not served(fleet, None)
    assert not served(fleet, key + "x")
    assert served(fleet, key)
    assert (1, 1) == (fleet.counts["refused.noKey"], fleet.counts["refused.wrongKey"])


async def test_from_the_first_keyed_poll_on(fleet: Fleet) -> None:
    """One that polled without a key is served so until it comes with it."""
    assert served(fleet, None)
    key = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)

    assert served(fleet, None)
    assert served(fleet, key)
    assert not served(fleet, None)
    assert served(fleet, key)


async def test_when_told(fleet: Fleet) -> None:
    """A key can be demanded at once."""
    assert served(fleet, None)
    key = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=True)

    assert not served(fleet, None)
    assert served(fleet, key)


async def test_rotation(fleet: Fleet) -> None:
    """While a key is replaced both are valid; using the new one ends the old one."""
    old = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)
    assert served(fleet, old)
    new = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)

    assert served(fleet, old)
    assert not served(fleet, None)
    assert served(fleet, new)
    assert not served(fleet, old)
    assert served(fleet, new)


async def test_third_key(fleet: Fleet) -> None:
    """Two keys are valid, not three."""
    first = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)
    second = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)
    third = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)

    assert not served(fleet, first)
    assert served(fleet, second)
    assert served(fleet, third)
    assert not served(fleet, second)


async def test_after_a_restart(fleet: Fleet) -> None:
    """Keys, and from when on they are demanded, survive a restart."""
    assert served(fleet, None)
    key = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)
    assert served(fleet, key)
    while not fleet.is_flushed:
        await fleet.flush()
    again = Fleet(
        store=fleet.store,
        clock=fleet.clock,
        ids=fleet.ids,
        policy=fleet.policy,
        holds=fleet.holds,
    )
    await again.load()

    assert not served(again, None)
    assert served(again, key)


async def test_stored_hashed(fleet: Fleet) -> None:
    """The key itself is kept nowhere."""
    key = await fleet.make_key(FIRST_SCOPE, DEVICE, enforce=False)

    assert key not in repr(fleet.get(FIRST_SCOPE, DEVICE))
    assert key not in repr(await fleet.store.all_devices())


async def test_unknown(fleet: Fleet) -> None:
    """A device that is not known gets no key."""
    with pytest.raises(NotFound):
        await fleet.make_key(FIRST_SCOPE, 5, enforce=False)


async def test_quarantined(fleet: Fleet) -> None:
    """A key does not let a quarantined device in."""
    fleet.meet(5, None, HOME)
    key = await fleet.make_key(FIRST_SCOPE, 5, enforce=False)

    assert fleet.meet(5, key, HOME) is None
