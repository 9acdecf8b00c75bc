"""A device: its keys, its patience, its habits."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device, DeviceKeys, DeviceState
from pushserver.model.device_access import AccessDecision, check_access
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.secret import hash_secret, new_device_key
from tests.clock import START
from tests.devices import terminal
from tests.model.factories import DEVICE

OPTIONAL, REQUIRED = DeviceKeys.OPTIONAL, DeviceKeys.REQUIRED


@pytest.fixture(name="device")
def _device() -> Device:
    """Return an adopted device without a key that never polled."""
    return Device(
        **terminal(DEVICE)._asdict(),
        scope_id=DEFAULT_SCOPE_ID,
        state=DeviceState.ADOPTED,
        created_at=START,
    )


@pytest.mark.parametrize(
    ("new", "old", "enforced", "came_with", "policy", "verdict"),
    [
        (None, None, False, None, OPTIONAL, AccessDecision.SERVED),
        (None, None, False, "any", OPTIONAL, AccessDecision.SERVED),
        (None, None, False, None, REQUIRED, AccessDecision.NO_KEY),
        (None, None, False, "any", REQUIRED, AccessDecision.NO_KEY),
        ("new", None, False, None, OPTIONAL, AccessDecision.SERVED),
        ("new", None, False, None, REQUIRED, AccessDecision.NO_KEY),
        ("new", None, True, None, OPTIONAL, AccessDecision.NO_KEY),
        ("new", None, False, "new", OPTIONAL, AccessDecision.FIRST_KEYED),
        ("new", None, True, "new", OPTIONAL, AccessDecision.SERVED),
        ("new", None, True, "new", REQUIRED, AccessDecision.SERVED),
        ("new", None, True, "bad", OPTIONAL, AccessDecision.WRONG_KEY),
        ("new", None, False, "bad", OPTIONAL, AccessDecision.WRONG_KEY),
        ("new", None, True, "", OPTIONAL, AccessDecision.WRONG_KEY),
        ("new", None, True, "éà☃", OPTIONAL, AccessDecision.WRONG_KEY),
        ("new", "old", True, "old", OPTIONAL, AccessDecision.OLD_KEY),
        ("new", "old", True, "new", OPTIONAL, AccessDecision.FIRST_KEYED),
        ("new", "old", True, "bad", OPTIONAL, AccessDecision.WRONG_KEY),
        ("new", "old", True, None, OPTIONAL, AccessDecision.NO_KEY),
    ],
)
def test_access(
    device: Device,
    new: str | None,
    old: str | None,
    enforced: bool,
    came_with: str | None,
    policy: DeviceKeys,
    verdict: AccessDecision,
) -> None:
    """
    A device with a key is served under it; the old key is valid until the new is used.
    """
    device.key_hash = None if new is None else hash_secret(new)
    device.old_key_hash = None if old is None else hash_secret(old)
    device.key_enforced, device.used_key_hash = enforced, device.key_hash

    assert verdict is check_access(device, came_with, policy)


def test_keys_fit_a_path() -> None:
    """Keys are long, differ, and need no escaping in an address."""
    keys = {new_device_key() for _ in range(50)}

    assert 50 == len(keys)
    assert all(len(key) == 32 for key in keys)
    assert all(key.replace("-", "").replace("_", "").isalnum() for key in keys)


def test_hold_of_its_own(device: Device) -> None:
    """A device's poll is held as the server's setting says, or the device's own."""
    assert 25 * SECOND == device.effective_hold(25 * SECOND)

    device.hold = 0

    assert 0 == device.effective_hold(25 * SECOND)


def test_hang_ups_shorten_the_hold(device: Device) -> None:
    """A device that hangs up is held for 80 % of the shortest such wait."""
    device.record_hang_up(10 * SECOND)

    assert 8 * SECOND == device.effective_hold(25 * SECOND)

    device.record_hang_up(20 * SECOND)

    assert 8 * SECOND == device.effective_hold(25 * SECOND)
    assert 5 * SECOND == device.effective_hold(5 * SECOND)


def test_three_hang_ups_end_it(device: Device) -> None:
    """After three hang-ups its polls are held no more."""
    for _ in range(3):
        device.record_hang_up(10 * SECOND)

    assert 0 == device.effective_hold(25 * SECOND)


def test_period(device: Device) -> None:
    """The period is the time between idle polls; one unusual gap changes nothing."""
    for second in (0, 5, 10):
        device.record_poll(START + second * SECOND, "192.0.2.7")
        device.was_last_poll_idle = True

    assert 5 * SECOND == device.poll_period

    device.record_poll(START + 19 * SECOND, "192.0.2.7")

    assert 5.5 * SECOND == device.poll_period


def test_period_and_absence(device: Device) -> None:
    """An hour away does not make a device one that polls every few minutes."""
    for second in (0, 5, 3605):
        device.record_poll(START + second * SECOND, None)
        device.was_last_poll_idle = True

    assert 5.625 * SECOND == device.poll_period


def test_period_changes(device: Device) -> None:
    """
    The period of a device that starts to poll less often is known after some polls.
    """
    for second in (0, 5, *range(65, 3065, 60)):
        device.record_poll(START + second * SECOND, None)
        device.was_last_poll_idle = True

    assert device.poll_period is not None
    assert 59 * SECOND < device.poll_period <= 60 * SECOND


def test_period_without_work(device: Device) -> None:
    """A poll right after work says nothing about the period."""
    device.record_poll(START, None)
    device.was_last_poll_idle = False
    device.record_poll(START + SECOND // 25, None)

    assert device.poll_period is None


def test_seen(device: Device) -> None:
    """The last poll is recorded even when the clock went back."""
    device.record_poll(START, "192.0.2.7")
    device.was_last_poll_idle = True
    device.record_poll(START - SECOND, "192.0.2.8")

    assert (START - SECOND, "192.0.2.8", None) == (
        device.last_seen_at,
        device.address,
        device.poll_period,
    )
