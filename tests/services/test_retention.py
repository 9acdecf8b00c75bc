"""Old history goes, in pieces; what is at work stays."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.services.retention import PIECE, Retention
from pushserver.storage.listing import CommandFilter
from tests.clock import ManualClock
from tests.model.values import DEVICE
from tests.services.desk import Desk
from tests.services.work import WorkDesk

DAY = 86_400


@pytest.fixture(name="retention")
def _retention(desk: Desk) -> Retention:
    """Return who lets history go after thirty days."""
    return Retention(desk.services.store.history, desk.clock, days=30)


async def endpoints(desk: Desk) -> list[str]:
    """Return the endpoints of every command that is kept."""
    kept = await desk.services.store.commands(
        FIRST_SCOPE, CommandFilter(), before=None, limit=1000
    )
    return [record.command.endpoint for record in kept]


async def results(desk: Desk) -> int:
    """Return how many results are kept."""
    kept = await desk.services.store.results(
        FIRST_SCOPE, after=0, limit=1000, device_id=None, orphan=None
    )
    return len(kept)


async def test_old_goes(desk: Desk, retention: Retention) -> None:
    """After its days a command goes with its deliveries and its result."""
    await desk.enqueue("reboot")
    await desk.poll()
    await desk.report()
    desk.clock.tick(30 * DAY - 1)
    assert 0 == await retention.keep()
    assert ["reboot"] == await endpoints(desk)
    desk.clock.tick(2)

    assert 2 == await retention.keep()

    assert [] == await endpoints(desk)
    assert 0 == await results(desk)


async def test_at_work_stays(desk: Desk, retention: Retention) -> None:
    """A command that waits, or is with its device, stays however old it is."""
    await desk.enqueue("reboot", "load_objects", expires_in=90 * DAY * SECOND)
    await desk.poll()
    desk.clock.tick(60 * DAY)

    assert 0 == await retention.keep()

    assert ["load_objects", "reboot"] == await endpoints(desk)
    assert 2 == await retention.count(desk.clock.now(), FIRST_SCOPE)


async def test_young_stays(desk: Desk, retention: Retention) -> None:
    """What is younger stays, and so do orphans of its time."""
    await desk.report()
    desk.clock.tick(31 * DAY)
    await desk.report()
    await desk.enqueue("reboot")

    assert 1 == await retention.keep()

    assert (["reboot"], 1) == (await endpoints(desk), await results(desk))


async def test_for_ever(desk: Desk) -> None:
    """Without days everything is kept."""
    await desk.report()
    desk.clock.tick(10_000 * DAY)

    assert 0 == await Retention(desk.services.store.history, desk.clock, days=0).keep()


async def test_in_pieces(desk: Desk, retention: Retention) -> None:
    """However much there is, one writing deletes no more than a piece of a kind."""
    for device in range(1, 4):
        await desk.enqueue(*["execute_actions"] * (PIECE // 2), device=device)
    await desk.upkeep(31)
    before = desk.clock.now()

    pieces = [await retention.purge(before) for _ in range(3)]

    assert [PIECE, PIECE // 2, 0] == pieces


async def test_one_scope(desk: Desk, retention: Retention) -> None:
    """A scope's own history goes, and nobody else's."""
    await desk.enqueue("reboot", scope=77, device=1)
    await desk.enqueue("load_objects", device=2)
    await desk.upkeep(2 * DAY)

    assert 1 == await retention.purge(desk.clock.now(), scope_id=77)

    assert ["load_objects"] == await endpoints(desk)


async def test_operations(work: WorkDesk, clock: ManualClock) -> None:
    """A task goes with its operations, their steps, notifications and commands."""
    task = await work.task("load_objects", devices=2, there=2)
    await work.advance()
    await work.do(device=1)
    retention = Retention(work.services.store.history, clock, days=30)
    clock.tick(31 * DAY)
    await retention.keep()
    assert 1 == await work.operations()

    await work.services.operations.cancel(
        FIRST_SCOPE, next(o.id for o in (await work.parts(task)).values())
    )
    await work.advance()
    await retention.keep()

    assert 0 == await work.operations()
    assert [] == await work.services.store.operations.steps([(task.id, 0)])
    assert [] == await work.services.store.tasks.tasks(
        FIRST_SCOPE, before=None, limit=10
    )


async def test_it_does_not_come_back(desk: Desk, retention: Retention) -> None:
    """A result for a command that is gone is an orphan."""
    (timeout,) = await desk.enqueue("reboot")
    await desk.poll(uuid="u1")
    await desk.upkeep(200)
    assert State.TIMEOUT is await desk.state(timeout)
    desk.clock.tick(31 * DAY)
    await retention.keep()

    result = await desk.report(uuid="u1")

    assert (None, DEVICE) == (result.command_id, result.device_id)
