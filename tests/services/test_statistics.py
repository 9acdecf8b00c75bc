"""What an operator sees at a glance: of every scope, on each store."""

from pathlib import Path

import psycopg
import pytest

from pushserver.model.state import CommandState
from pushserver.services.backups import Backups
from tests.devices import terminal
from tests.services.driver import ServiceDriver

DAY = 86_400
SECOND = 1_000_000

pytestmark = pytest.mark.scopes(77)


async def test_at_a_glance(driver: ServiceDriver, database: str) -> None:
    """
    Devices, commands and rows of all scopes are counted, those of the last day apart.
    """
    await driver.enqueue("load_objects")
    await driver.poll()
    await driver.post_result()
    driver.clock.tick(2 * DAY)
    await driver.enqueue("load_objects", "reboot", device=2, scope=77)
    await driver.enqueue("reboot", device=3)
    await driver.poll(device=2)
    driver.services.admission.admit(terminal(2), None, "192.0.2.7")
    oldest = driver.clock.now()

    if database.startswith("postgresql:"):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ANALYZE command, delivery, result")
    found = await driver.services.statistics.read()

    assert {"online": 1, "offline": 2, "quarantined": 0} == found.devices
    assert {
        CommandState.PENDING: 2,
        CommandState.SENT: 1,
        CommandState.DELIVERED: 0,
    } == found.commands
    assert {
        CommandState.PENDING: 2,
        CommandState.SENT: 1,
    } == found.stock.commands_last_day
    assert found.oldest_pending_at is not None
    assert oldest - SECOND <= found.oldest_pending_at <= oldest + SECOND
    counts = {each.kind: (each.rows, each.rows_last_day) for each in found.stock.rows}
    assert [(4, 3), (2, 1), (1, 0)] == [
        counts[kind] for kind in ("command", "delivery", "result")
    ]
    assert found.stock.size > 0
    assert (0, None, None) == (found.webhooks, found.oldest_webhook_at, found.backup_at)


async def test_rows_are_counted_once_a_minute(driver: ServiceDriver) -> None:
    """
    However often somebody asks, all rows are counted at most once a minute.
    """

    async def stored() -> int:
        statistics = await driver.services.statistics.read()
        return statistics.stock.rows[0].rows

    assert 0 == await stored()
    await driver.enqueue("reboot")
    assert 0 == await stored()
    driver.clock.tick(60)

    assert 1 == await stored()


@pytest.mark.only_on("sqlite")
async def test_last_backup(driver: ServiceDriver, tmp_path: Path) -> None:
    """
    The newest backup in the folder is told; a folder that is gone has none.
    """
    backups = Backups(driver.services.store.backups, driver.clock, tmp_path, 1, 9)
    driver.services.statistics.backups = backups
    for name in ("pushserver-20251228T000000Z.db", "pushserver-20251230T040506Z.db"):
        (tmp_path / name).touch()
    expected = 1_767_067_506 * SECOND

    assert expected == (await driver.services.statistics.read()).backup_at
    backups.folder = tmp_path / "gone"
    assert (await driver.services.statistics.read()).backup_at is None
