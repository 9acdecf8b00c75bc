"""Two terminals with one id: their addresses come in turn."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device, DeviceState
from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.clock import START
from tests.devices import terminal
from tests.model.factories import DEVICE

A, B, C, V6 = "192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8::7"


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
    device = Device(
        **terminal(DEVICE)._asdict(),
        scope_id=DEFAULT_SCOPE_ID,
        state=DeviceState.ADOPTED,
        created_at=START,
    )
    for number, address in enumerate(addresses):
        device.record_poll(START + number * gap * SECOND, address)

    assert conflicts == device.identity_conflicts
    assert addresses[-1] == device.address
