"""Very many commands end in parts, all of them."""

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE
from pushserver.storage.history import CommandFilter
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver

COUNT = 2 * MAX_ENDED_AT_ONCE + 1


async def test_taken_back(driver: ServiceDriver) -> None:
    """All that match are taken back, and counted."""
    commands = await driver.enqueue(*["reboot"] * COUNT)
    (other,) = await driver.enqueue("load_objects")

    counts = await driver.services.withdrawals.withdraw_matching(
        DEFAULT_SCOPE_ID,
        CommandFilter(device_id=DEVICE, endpoint="reboot"),
        is_dry_run=False,
    )

    assert {CommandState.PENDING: COUNT} == counts.never_given
    assert CommandState.CANCELED is await driver.command_state(commands[0])
    assert CommandState.CANCELED is await driver.command_state(commands[-1])
    assert other.id == (await driver.receive_command()).command.id


async def test_expired(driver: ServiceDriver) -> None:
    """All that are overdue expire, whatever their device."""
    commands = await driver.enqueue(*["reboot"] * COUNT, expires_in=1_000_000)
    others = await driver.enqueue(*["reboot"] * 2, device=2, expires_in=1_000_000)

    expired = await driver.expire_overdue(2)
    expired += await driver.expire_overdue()

    assert COUNT + 2 == expired
    for command in (commands[0], commands[-1], *others):
        assert CommandState.EXPIRED is await driver.command_state(command)
