"""Old bodies go before their history; what has not ended keeps its own."""

import pytest
from structlog.testing import capture_logs

from pushserver.clock import SECOND
from pushserver.errors import BodyDeleted
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services import body_retention
from pushserver.services.body_retention import BodyRetention
from pushserver.storage.command_rows import PIECE_SIZE
from tests.database_rows import open_reader
from tests.services.driver import ServiceDriver, render_ids
from tests.services.operation_driver import OperationDriver

DAY = 86_400
_BODIES = (
    "SELECT count(*) FROM command WHERE body IS NOT NULL",
    "SELECT count(*) FROM result WHERE length(body) > 0",
    "SELECT count(*) FROM piece",
)


@pytest.fixture(name="retention")
def _retention(driver: ServiceDriver) -> BodyRetention:
    """Return who lets bodies go after seven days."""
    return BodyRetention(driver.services.store, driver.clock, days=7)


def bodies(database: str) -> list[int]:
    """Return how many commands and results have a body, and how many pieces those."""
    with open_reader(database) as read:
        return [read(sql)[0][0] for sql in _BODIES]


async def test_old_bodies_go(
    driver: ServiceDriver, retention: BodyRetention, database: str
) -> None:
    """After its days a command has no body and no answer, and says since when."""
    (command,) = await driver.enqueue("load_objects")
    await driver.poll()
    await driver.post_result(b'{"response":"' + b"x" * PIECE_SIZE + b'"}')
    driver.clock.tick(7 * DAY - 1)
    assert 0 == await retention.purge_expired()
    assert [1, 1, 1] == bodies(database)
    driver.clock.tick(2)

    assert 2 == await retention.purge_expired()

    assert [0, 0, 0] == bodies(database)
    record = await driver.services.queue.get(DEFAULT_SCOPE_ID, command.id)
    assert record.command.order is not None
    assert record.result is not None
    assert CommandState.SUCCESSFUL is record.command.state
    now = driver.clock.now()
    assert [now, now] == [
        record.command.order.body_deleted_at,
        record.result.body_deleted_at,
    ]
    assert 0 == await retention.purge_expired()


async def test_what_is_left_of_a_result(
    driver: ServiceDriver, retention: BodyRetention
) -> None:
    """That the device refused is still known when nobody knows its words any more."""
    (command,) = await driver.enqueue("remote_enroll")
    await driver.poll()
    await driver.post_result(b'{"response":{"success":false}}')
    driver.clock.tick(8 * DAY)

    await retention.purge_expired()

    record = await driver.services.queue.get(DEFAULT_SCOPE_ID, command.id)
    assert record.result is not None
    parsed = record.result.parsed_result
    assert parsed is not None
    assert (True, None, None) == (parsed.refused, parsed.response, parsed.error)


async def test_at_work_stays(
    driver: ServiceDriver, retention: BodyRetention, database: str
) -> None:
    """What waits or is with its device keeps its body, until it has ended."""
    await driver.enqueue("load_objects", expires_in=90 * DAY * SECOND)
    await driver.enqueue("reboot", device=3)
    await driver.enqueue("reboot", device=2, expires_in=90 * DAY * SECOND)
    await driver.expire_overdue(8 * DAY)
    assert 1 == await retention.purge_expired()
    assert 2 == bodies(database)[0]
    await driver.expire_overdue(90 * DAY)

    assert 2 == await retention.purge_expired()

    assert 0 == bodies(database)[0]


async def test_pages_and_days(
    driver: ServiceDriver, retention: BodyRetention, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run takes pages, up to the end of the oldest day; the next one the rest."""
    monkeypatch.setattr(body_retention, "BATCH_SIZE", 2)
    for device in range(1, 6):
        await driver.enqueue("reboot", device=device)
    await driver.expire_overdue(2 * DAY)
    await driver.enqueue("reboot", "reboot")
    await driver.expire_overdue(30 * DAY)

    with capture_logs() as logs:
        deleted = [await retention.purge_expired() for _ in range(3)]

    assert [5, 2, 0] == deleted
    events = [each["event"] for each in logs]
    assert ["retention.run", "retention.limited", "retention.run"] == events


async def test_never(driver: ServiceDriver, database: str) -> None:
    """With 0 days bodies stay as long as their history."""
    await driver.enqueue("reboot")
    await driver.expire_overdue(1000 * DAY)

    never = BodyRetention(driver.services.store, driver.clock, days=0)

    assert 0 == await never.purge_expired()
    assert 1 == bodies(database)[0]


async def test_no_retry(driver: ServiceDriver, retention: BodyRetention) -> None:
    """A command whose body is gone is not retried."""
    (command,) = await driver.enqueue("reboot")
    await driver.expire_overdue(8 * DAY)
    await retention.purge_expired()

    with pytest.raises(BodyDeleted):
        await driver.services.queue.retry(DEFAULT_SCOPE_ID, command.id, render_ids)


async def test_steps(operation_driver: OperationDriver, database: str) -> None:
    """The steps of a task that has ended lose their bodies; it is not retried then."""
    driver = operation_driver
    task = await driver.adopt_and_create_task("load_objects", devices=2, seen=2)
    await driver.advance_tasks()
    await driver.run_steps(1, body=b'{"error":"no"}')
    retention = BodyRetention(driver.services.store, driver.clock, days=7)
    driver.clock.tick(8 * DAY)
    await retention.purge_expired()
    assert [(1,)] == _step_bodies(database)
    await driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    await driver.expire_overdue(DAY)
    await driver.advance_tasks()

    await retention.purge_expired()

    assert [(0,)] == _step_bodies(database)
    with pytest.raises(BodyDeleted):
        await driver.services.tasks.retry(
            DEFAULT_SCOPE_ID, task.id, include_unknown=True
        )


def _step_bodies(database: str) -> list[tuple[object, ...]]:
    with open_reader(database) as read:
        return list(read("SELECT count(*) FROM step WHERE body IS NOT NULL"))
