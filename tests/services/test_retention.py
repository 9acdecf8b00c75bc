"""Old history is deleted in batches; what has not ended stays."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
import pytest
from structlog.testing import capture_logs

from pushserver.clock import SECOND
from pushserver.model.ids import first_id_at
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.retention import Retention
from pushserver.storage.audit import AuditFilter
from pushserver.storage.command_rows import PIECE_SIZE
from pushserver.storage.history import CommandFilter
from pushserver.storage.retention import PurgeCutoff
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.retention import SqlRetention
from tests.clock import ManualClock
from tests.database_rows import open_reader
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver
from tests.services.operation_driver import ERROR, OperationDriver

pytestmark = pytest.mark.scopes(77)

DAY = 86_400


@pytest.fixture(name="retention")
def _retention(driver: ServiceDriver) -> Retention:
    """Return who lets history go after thirty days."""
    return Retention(
        driver.services.store.retention, driver.clock, days=30, audit_days=0
    )


async def endpoints(driver: ServiceDriver) -> list[str]:
    """Return the endpoints of all stored commands."""
    commands = await driver.services.store.commands(
        DEFAULT_SCOPE_ID, CommandFilter(), before=None, limit=1000
    )
    return [record.command.endpoint for record in commands]


async def results(driver: ServiceDriver) -> int:
    """Return how many results are stored."""
    stored = await driver.services.store.results(
        DEFAULT_SCOPE_ID, after=0, limit=1000, device_id=None, orphan=None
    )
    return len(stored)


async def test_old_goes(driver: ServiceDriver, retention: Retention) -> None:
    """After its days a command goes with its deliveries and its result."""
    await driver.enqueue("reboot")
    await driver.poll()
    await driver.post_result()
    driver.clock.tick(30 * DAY - 1)
    assert 0 == await retention.purge_expired()
    assert ["reboot"] == await endpoints(driver)
    driver.clock.tick(2)

    assert 2 == await retention.purge_expired()

    assert [] == await endpoints(driver)
    assert 0 == await results(driver)


async def test_old_pieces_go(
    driver: ServiceDriver, retention: Retention, database: str
) -> None:
    """With a long result all of its pieces go."""
    await driver.enqueue("reboot")
    await driver.poll()
    await driver.post_result(b"x" * (PIECE_SIZE + 1))
    driver.clock.tick(31 * DAY)
    with open_reader(database) as read:
        assert [(1,)] == read("SELECT count(*) FROM piece")

        await retention.purge_expired()

        assert [(0,)] == read("SELECT count(*) FROM piece")


async def test_at_work_stays(driver: ServiceDriver, retention: Retention) -> None:
    """A command that waits, or is with its device, stays however old it is."""
    await driver.enqueue("reboot", "load_objects", expires_in=90 * DAY * SECOND)
    await driver.poll()
    driver.clock.tick(60 * DAY)

    assert 0 == await retention.purge_expired()

    assert ["load_objects", "reboot"] == await endpoints(driver)
    assert 2 == await retention.count(driver.clock.now(), DEFAULT_SCOPE_ID)


async def test_young_stays(driver: ServiceDriver, retention: Retention) -> None:
    """Younger history stays, and so do orphans of its time."""
    await driver.post_result()
    driver.clock.tick(31 * DAY)
    await driver.post_result()
    await driver.enqueue("reboot")

    assert 1 == await retention.purge_expired()

    assert (["reboot"], 1) == (await endpoints(driver), await results(driver))


@pytest.mark.parametrize(("seconds", "left"), [(DAY, []), (DAY + 1, ["reboot"])])
async def test_a_day_at_a_time(
    driver: ServiceDriver, retention: Retention, seconds: int, left: list[str]
) -> None:
    """A run deletes no more than the oldest day of what is expired, and says so."""
    await driver.post_result()
    driver.clock.tick(seconds)
    await driver.enqueue("reboot")
    await driver.expire_overdue(400 * DAY)

    with capture_logs() as logs:
        await retention.purge_expired()
    assert left == await endpoints(driver)
    events = ["retention.run", "retention.limited"] if left else ["retention.run"]
    assert events == [each["event"] for each in logs]
    assert 1 == logs[0]["result"]

    await retention.purge_expired()
    assert [] == await endpoints(driver)


@pytest.mark.parametrize(("seconds", "left"), [(DAY, 0), (DAY + 1, 1)])
async def test_a_day_of_the_audit_at_a_time(
    driver: ServiceDriver, seconds: int, left: int
) -> None:
    """A run deletes no more than the oldest day of the audit that is expired, too."""
    store, clock = driver.services.store, driver.clock
    retention = Retention(store.retention, clock, days=0, audit_days=365)
    await driver.ensure_adopted(1)
    clock.tick(seconds)
    await driver.ensure_adopted(2)
    clock.tick(400 * DAY)
    newest = partial(store.audit.newest_entries, DEFAULT_SCOPE_ID, AuditFilter())

    with capture_logs() as logs:
        assert 2 - left == await retention.purge_expired()
    assert left == len(await newest(limit=9))
    events = ["retention.run", "retention.limited"][: 1 + left]
    assert events == [each["event"] for each in logs]
    assert left == await retention.purge_expired()
    with capture_logs() as logs:
        assert 0 == await retention.purge_expired()
    assert [] == logs


async def test_a_clock_ten_years_ahead(
    driver: ServiceDriver, retention: Retention, clock: ManualClock
) -> None:
    """A wall clock that is wrong deletes nothing."""
    await driver.post_result()
    clock.jump(10 * 365 * DAY)
    await driver.follow_wall_clock()

    assert 0 == await retention.purge_expired()
    assert 1 == await results(driver)


async def test_for_ever(driver: ServiceDriver) -> None:
    """Without a number of days everything is kept."""
    await driver.post_result()
    driver.clock.tick(10_000 * DAY)

    assert (
        0
        == await Retention(
            driver.services.store.retention, driver.clock, days=0, audit_days=0
        ).purge_expired()
    )


async def test_in_pieces(driver: ServiceDriver, retention: Retention) -> None:
    """However much there is, one transaction deletes no more than a batch of a kind."""
    for device in range(1, 4):
        await driver.enqueue(*["execute_actions"] * (BATCH_SIZE // 2), device=device)
    await driver.expire_overdue(31)
    before = driver.clock.now()

    pieces = [await retention.purge_batch(before) for _ in range(3)]

    assert [BATCH_SIZE, BATCH_SIZE // 2, 0] == pieces


async def test_one_scope(driver: ServiceDriver, retention: Retention) -> None:
    """A scope's own history goes, and nobody else's."""
    await driver.enqueue("reboot", scope=77, device=1)
    await driver.enqueue("load_objects", device=2)
    await driver.expire_overdue(2 * DAY)

    assert 1 == await retention.purge_batch(driver.clock.now(), scope_id=77)

    assert ["load_objects"] == await endpoints(driver)


async def test_operations(
    operation_driver: OperationDriver, clock: ManualClock
) -> None:
    """
    A task goes with its operations, their steps, notifications and commands; until it
    has ended, all of its operations are kept.
    """
    task = await operation_driver.adopt_and_create_task(
        "load_objects", devices=2, seen=2
    )
    await operation_driver.advance_tasks()
    await operation_driver.run_command(device=1)
    retention = Retention(
        operation_driver.services.store.retention, clock, days=30, audit_days=0
    )
    clock.tick(31 * DAY)
    await retention.purge_expired()
    assert 2 == await operation_driver.count_operations()

    await operation_driver.services.operations.cancel(
        DEFAULT_SCOPE_ID,
        next(o.id for o in (await operation_driver.task_operations(task)).values()),
    )
    await operation_driver.advance_tasks()
    await retention.purge_expired()

    assert 0 == await operation_driver.count_operations()
    assert [] == await operation_driver.services.store.operations.steps([(task.id, 0)])
    assert [] == await operation_driver.services.store.tasks.tasks(
        DEFAULT_SCOPE_ID, before=None, limit=10
    )


@attrs.define
class InterruptedReader:
    """Reads; after one of the reads, somebody acts before its reader does."""

    reader: SqlReader
    reads_before: int
    act: Callable[[], Awaitable[object]]

    async def run(self, work: Callable[[SqlConnection], Any]) -> Any:
        """Run *work*, then the other act if its moment has come."""
        found = await self.reader.run(work)
        self.reads_before -= 1
        if self.reads_before == -1:
            await self.act()
        return found


@pytest.mark.parametrize("kind", ["notification", "operation"])
async def test_retried_at_that_moment(
    operation_driver: OperationDriver, kind: str
) -> None:
    """
    What a purge has found of a task that is retried before it is deleted stays.
    """
    driver = operation_driver
    task = await driver.adopt_and_create_task("load_objects", devices=2, seen=2)
    await driver.advance_tasks()
    for device in (1, 2):
        await driver.run_command(device=device, body=ERROR)
    await driver.advance_tasks()
    driver.clock.tick(31 * DAY)
    purge = driver.services.store.retention
    assert isinstance(purge, SqlRetention)

    async def retry() -> None:
        await driver.services.tasks.retry(
            DEFAULT_SCOPE_ID, task.id, include_unknown=False
        )

    reads_before = ["notification", "operation"].index(kind)
    reader = InterruptedReader(purge.reader, reads_before, retry)
    cutoff = PurgeCutoff(first_id_at(driver.clock.now()))
    deleted = await attrs.evolve(purge, reader=reader).purge(cutoff, limit=9)

    assert (0, 0, 0) == (deleted[kind], deleted["operation"], deleted["task"])
    assert 4 == await driver.count_operations()


async def test_it_does_not_come_back(
    driver: ServiceDriver, retention: Retention
) -> None:
    """A result for a command that is gone is an orphan."""
    (timeout,) = await driver.enqueue("reboot")
    await driver.poll(uuid="u1")
    await driver.expire_overdue(200)
    assert CommandState.TIMEOUT is await driver.command_state(timeout)
    driver.clock.tick(31 * DAY)
    await retention.purge_expired()

    result = await driver.post_result(uuid="u1")

    assert (None, DEVICE) == (result.command_id, result.device_id)
