"""Two terminals with one id: their addresses come in turn."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device, DeviceState
from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.clock import START
from tests.devices import terminal
from tests.model.factories import DEVICE

A, B, C, V6 = "192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8::7"


def new_device() -> Device:
    """Return an adopted device that never polled."""
    return Device(
        **terminal(DEVICE)._asdict(),
        scope_id=DEFAULT_SCOPE_ID,
        state=DeviceState.ADOPTED,
        created_at=START,
    )


@pytest.mark.parametrize(
    ("addresses", "gap", "conflicts"),
    [
        ([A, A, A], 5, 0),
        ([A, B, B], 5, 0),
        ([A, B, A], 5, 1),
        ([A, B, A, B], 60, 2),
        ([A, A, B, B, A], 50, 1),
        ([A, B, A], 120, 0),
        ([A, B, C], 5, 0),
        ([A, V6, A, V6], 5, 0),
        ([A, None, A], 5, 0),
        ([V6, "2001:db8::8", V6], 5, 1),
    ],
)
def test_addresses_in_turn(
    addresses: list[str | None], gap: int, conflicts: int
) -> None:
    """Only an address that is back soon after another one is a conflict."""
    device = new_device()
    for number, address in enumerate(addresses):
        device.record_poll(START + number * gap * SECOND, address)

    assert conflicts == device.identity_conflicts
    assert addresses[-1] == device.address


def polls(device: Device, *polls_at: tuple[int, str]) -> str:
    """Poll at these seconds; return one letter for each: served, or empty."""
    return "".join(
        "s"
        if device.record_poll(START + second * SECOND, address, shuts_out=True)
        else "e"
        for second, address in polls_at
    )


def test_newcomer_is_shut_out() -> None:
    """From the conflict on only the address that polled first is served."""
    device = new_device()

    found = polls(device, (0, A), (5, B), (10, A), (15, B), (20, C), (25, A), (30, B))

    assert "sssees" + "e" == found
    assert (A, B) == (device.address, device.shut_out_address)
    assert START + 25 * SECOND == device.last_seen_at


def test_other_family_is_served() -> None:
    """The incumbent may have an IPv6 address, too; its rival stays shut out."""
    device = new_device()

    assert "ssssese" == polls(
        device, (0, A), (5, B), (10, A), (15, V6), (20, B), (25, V6), (30, B)
    )


def test_silent_incumbent() -> None:
    """An incumbent that was silent for ten minutes is shut out when it is back."""
    device = new_device()
    polls(device, (0, A), (5, B), (10, A))

    assert "esse" == polls(device, (609, B), (610, B), (615, B), (620, A))
    assert (B, A) == (device.address, device.shut_out_address)


def test_conflict_is_over() -> None:
    """Without a rival for an hour the device may move."""
    device = new_device()
    polls(device, (0, A), (5, B), (10, A), (20, B))

    assert "ess" == polls(device, (30, B), (3629, A), (3630, C))
    assert device.shut_out_address is None


def test_adopted_again() -> None:
    """After the conflict is ended both are served until the next one."""
    device = new_device()
    polls(device, (0, A), (5, B), (10, A))
    device.end_conflict()

    assert "ss" == polls(device, (15, B), (20, A))
    assert "e" == polls(device, (25, B))
