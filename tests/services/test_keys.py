"""Keys: from when on one is demanded, and how it is replaced."""

import pytest

from pushserver.composition import build_services
from pushserver.errors import NotFound, Unavailable
from pushserver.model.actor import SERVER
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services import key_issuer
from pushserver.settings import Settings
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE

HOME = "192.0.2.7"


@pytest.fixture(autouse=True)
async def _device(services: Services) -> None:
    """Adopt the one device."""
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE), {})


async def make_key(
    services: Services, device: int = DEVICE, *, enforce: bool | None = None
) -> str:
    """Make a key for a device."""
    issuer = services.key_issuer
    key, _ = await issuer.make_key(DEFAULT_SCOPE_ID, device, enforce=enforce)
    return key


def served(services: Services, key: str | None) -> bool:
    """Return whether the device is served when it comes with *key*."""
    return services.admission.admit(terminal(DEVICE), key, HOME) is not None


async def test_at_once(services: Services) -> None:
    """A device that never polled without one is served under its key alone."""
    key = await make_key(services, enforce=False)

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
    key = await make_key(services, enforce=False)

    assert served(services, None)
    assert served(services, key)
    assert not served(services, None)
    assert served(services, key)


async def test_when_told(services: Services) -> None:
    """A key can be demanded at once."""
    assert served(services, None)
    key = await make_key(services, enforce=True)

    assert not served(services, None)
    assert served(services, key)


async def test_rotation(services: Services) -> None:
    """While a key is replaced both are valid; using the new one ends the old one."""
    old = await make_key(services, enforce=False)
    assert served(services, old)
    new = await make_key(services, enforce=False)

    assert served(services, old)
    assert not served(services, None)
    assert served(services, new)
    assert not served(services, old)
    assert served(services, new)


async def test_third_key(services: Services) -> None:
    """Two keys are valid, not three."""
    first = await make_key(services, enforce=False)
    second = await make_key(services, enforce=False)
    third = await make_key(services, enforce=False)

    assert not served(services, first)
    assert served(services, second)
    assert served(services, third)
    assert not served(services, second)


async def test_after_a_restart(services: Services) -> None:
    """Keys, and from when on they are demanded, survive a restart."""
    assert served(services, None)
    key = await make_key(services, enforce=False)
    assert served(services, key)
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()
    again = build_services(Settings(), services.store, services.clock)
    await again.devices.load()

    assert not served(again, None)
    assert served(again, key)


async def test_used_key_outlives_unused_ones(services: Services) -> None:
    """Whoever makes keys in vain does not shut out the device, which has the first."""
    used = await make_key(services)
    assert served(services, used)
    unused = [await make_key(services) for _ in range(3)]

    assert served(services, used)
    assert [False, False, True] == [served(services, key) for key in unused]
    assert not served(services, used)


async def test_old_key_that_is_used_again(services: Services) -> None:
    """The device came with its old key meanwhile: that one outlives the next, too."""
    first, second = await make_key(services), await make_key(services)
    assert served(services, first)
    third = await make_key(services)

    assert [True, False] == [served(services, key) for key in (first, second)]
    assert served(services, third)
    assert not served(services, first)


async def test_used_key_after_a_restart(services: Services) -> None:
    """Which key was used last survives a restart, also if nothing was written yet."""
    used = await make_key(services)
    assert served(services, used)
    await make_key(services)
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()
    again = build_services(Settings(), services.store, services.clock)
    await again.devices.load()
    newest = await make_key(again)

    assert served(again, used)
    assert served(again, newest)
    assert not served(again, used)


async def test_first_use_of_an_old_key_is_kept(services: Services) -> None:
    """So does the first use of a key in place of which there is a newer one already."""
    first, _second = await make_key(services), await make_key(services)
    assert served(services, first)
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()
    again = build_services(Settings(), services.store, services.clock)
    await again.devices.load()
    await make_key(again)

    assert served(again, first)


async def test_leaked(services: Services) -> None:
    """A key that leaked is worth nothing once another one was made with `enforce`."""
    leaked = await make_key(services)
    assert served(services, leaked)
    new = await make_key(services, enforce=True)

    assert not served(services, leaked)
    assert served(services, new)
    assert not served(services, leaked)


@pytest.mark.only_on("postgres")
async def test_leaked_at_another_server(services: Services) -> None:
    """Not even if what another server wrote meanwhile comes late."""
    old = await make_key(services)
    assert served(services, old)
    new = await make_key(services)
    assert served(services, new)

    # Read from the store before the first use of the new key was written.
    await services.device_sync.refresh([DEVICE])

    assert not served(services, old)
    assert served(services, new)


async def test_announced(services: Services) -> None:
    """A device that a program created needs its key at once, whoever polled before."""
    assert served(services, None)
    key = await make_key(services)

    assert not served(services, None)
    assert served(services, key)


async def test_found(services: Services) -> None:
    """One that polled before it was adopted goes on until it has its new address."""
    services.admission.admit(terminal(5), None, HOME)
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(5))
    assert services.admission.admit(terminal(5), None, HOME)
    await make_key(services, 5)

    assert services.admission.admit(terminal(5), None, HOME)


async def test_since_when_it_is_keyless(services: Services, clock: ManualClock) -> None:
    """It is known when and from where a device first came without a key, and kept."""
    assert served(services, None)
    first = clock.now()
    clock.tick(seconds=60)
    services.admission.admit(terminal(DEVICE), None, "192.0.2.8")
    await make_key(services, enforce=False)
    while not services.write_behind.is_flushed:
        await services.write_behind.flush()
    again = build_services(Settings(), services.store, services.clock)
    await again.devices.load()
    device = again.devices.get(DEFAULT_SCOPE_ID, DEVICE)

    assert (first, HOME) == (device.keyless_since, device.keyless_address)
    assert not device.key_enforced


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_stranger_leaves_no_trace(
    services: Services, clock: ManualClock, key: str | None
) -> None:
    """A poll without the right key does not count as the device's: it is not seen."""
    right = await make_key(services)
    assert served(services, right)
    device = services.devices.get(DEFAULT_SCOPE_ID, DEVICE)
    seen_at, period = device.last_seen_at, device.poll_period
    for _ in range(100):
        clock.tick(seconds=1)
        services.admission.admit(terminal(DEVICE), key, "203.0.113.9")

    assert (seen_at, HOME) == (device.last_seen_at, device.address)
    assert (period, 0) == (device.poll_period, device.identity_conflicts)
    assert not device.is_online(clock.now(), 0)


async def test_stored_hashed(services: Services) -> None:
    """The key itself is stored nowhere."""
    key = await make_key(services, enforce=False)

    assert key not in repr(services.devices.get(DEFAULT_SCOPE_ID, DEVICE))
    assert key not in repr(await services.store.all_devices())


async def test_stopping_in_between(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys for many end between two batches when the server stops; one is whole."""
    monkeypatch.setattr(key_issuer, "_BATCH_SIZE", 1)
    await services.fleet.put(DEFAULT_SCOPE_ID, terminal(DEVICE + 1), {})
    services.store.prepare_to_close()

    (made,) = await services.key_issuer.make_keys(DEFAULT_SCOPE_ID, [DEVICE], SERVER)

    assert DEVICE == made[1].device_id
    with pytest.raises(Unavailable, match="stopping"):
        await services.key_issuer.make_keys(
            DEFAULT_SCOPE_ID, [DEVICE, DEVICE + 1], SERVER
        )


async def test_unknown(services: Services) -> None:
    """A device that is not known gets no key."""
    with pytest.raises(NotFound):
        await make_key(services, 5, enforce=False)


async def test_quarantined(services: Services) -> None:
    """A key does not let a quarantined device in."""
    services.admission.admit(terminal(5), None, HOME)
    key = await make_key(services, 5, enforce=False)

    assert services.admission.admit(terminal(5), key, HOME) is None
