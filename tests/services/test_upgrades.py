"""Upgrades being carried out: by whom, in which order, and how they end."""

from collections.abc import AsyncIterator

import pytest

from pushserver.errors import Conflict, NotFound
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.task import FailureLimit, TaskState
from pushserver.services.tasks import Pace
from tests.clock import ManualClock
from tests.services.upgrading import (
    ERROR,
    GOOD,
    NEW,
    OLD,
    PATH,
    SUCCESS,
    UpgradeDesk,
    upgrading,
)

DAY = 86_400


@pytest.fixture(name="desk")
async def _desk(database: str, clock: ManualClock) -> AsyncIterator[UpgradeDesk]:
    """Return a program that upgrades devices."""
    async with upgrading(database, clock) as desk:
        yield desk


async def test_to_the_end(desk: UpgradeDesk) -> None:
    """Each device goes through the steps, and the upgrade ends with the last."""
    made = await desk.make(2)
    await desk.go(*SUCCESS)
    await desk.go(OLD, ERROR, device=2)

    assert [*PATH, "SUCCESS"] == desk.heard()
    assert ["downloading", "idle", "FAIL 17"] == desk.heard(2)
    assert {"completed": 1, "failed": 1} == await desk.work.counts(made)
    assert TaskState.COMPLETED == await desk.work.course(made)


async def test_order_of_steps(desk: UpgradeDesk) -> None:
    """The version is read first and last, with the same command."""
    made = await desk.make()
    given = []
    for body in SUCCESS:
        given.append(await desk.work.do(body, device=1))
        await desk.go_on()

    assert [
        "system_information",
        "firmware_load",
        "firmware_install",
        "system_information",
    ] == given
    part = (await desk.parts(made))[1]
    assert [State.SUCCESSFUL] * 4 == await desk.work.steps(part)
    assert ["queued", "sent", "SUCCESSFUL"] * 4 == await desk.work.told(part)


async def test_retries(desk: UpgradeDesk) -> None:
    """A step that failed is sent again; shown is the command that it became last."""
    made = await desk.make(retries=3)

    await desk.go(ERROR, OLD, ERROR)
    await desk.silence()
    await desk.go(*SUCCESS[1:])

    assert [*PATH, "SUCCESS"] == desk.heard()
    part = (await desk.parts(made))[1]
    assert part.upgrade is not None
    assert 3 == part.upgrade.tries
    assert [State.SUCCESSFUL] * 4 == await desk.work.steps(part)


async def test_late_result(desk: UpgradeDesk) -> None:
    """What comes late corrects its command; it starts nothing and ends nothing."""
    made = await desk.make()
    await desk.go(OLD)
    flight = await desk.work.fly("u", device=1)
    await desk.work.upkeep(180)
    await desk.go_on()
    heard = desk.heard()

    await desk.work.report(GOOD, "u", device=1)
    await desk.go_on()

    assert State.SUCCESSFUL == await desk.work.state(flight.command)
    assert ["downloading", "idle", "FAIL TIMEOUT"] == heard == desk.heard()
    assert Status.FAILED == (await desk.parts(made))[1].status
    assert await desk.work.poll(device=1) is None


async def test_late_success(desk: UpgradeDesk) -> None:
    """The target version, read late, corrects the part and the counts, silently."""
    made = await desk.make(seconds=100)
    await desk.go(*SUCCESS[:3])
    await desk.work.fly("u", device=1)
    await desk.work.upkeep(100)
    await desk.go_on()
    failed = await desk.work.counts(made)

    await desk.work.report(NEW, "u", device=1)

    assert ({"failed": 1}, {"completed": 1}) == (failed, await desk.work.counts(made))
    assert [*PATH, "FAIL TIMEOUT"] == desk.heard()
    assert (None, None) == await desk.error(made)


async def test_apply_timeout(desk: UpgradeDesk) -> None:
    """A device that comes back with the old version is asked until its time is over."""
    made = await desk.make(seconds=400)
    begun = desk.work.clock.now()
    await desk.go(*SUCCESS[:2])
    await desk.silence()
    while (await desk.parts(made))[1].is_running:
        await desk.go(OLD)

    passed = (desk.work.clock.now() - begun) / 1_000_000
    code, words = await desk.error(made)
    assert 390 <= passed <= 400
    assert ("TIMEOUT", [*PATH, "FAIL TIMEOUT"]) == (code, desk.heard())
    assert words == (
        "The target version was not seen within 400 s. The version is 1.0, not 2.0."
    )


async def test_it_never_comes_back(desk: UpgradeDesk) -> None:
    """A device that is gone after applying fails when the time is over, no later."""
    made = await desk.make(seconds=60)
    await desk.go(*SUCCESS[:3])
    for _ in range(60):
        assert (await desk.parts(made))[1].is_running
        await desk.work.upkeep(1)
        await desk.go_on()

    assert [*PATH, "FAIL TIMEOUT"] == desk.heard()


async def test_it_comes_back(desk: UpgradeDesk) -> None:
    """A device that restarts while it applies has succeeded when it says so."""
    await desk.make()
    await desk.go(*SUCCESS[:2])
    await desk.silence()
    await desk.go(OLD, ERROR, GOOD, NEW)

    assert [*PATH, "SUCCESS"] == desk.heard()


async def test_it_never_came(desk: UpgradeDesk) -> None:
    """A device that does not come in time is told of with one result, as expired."""
    made = await desk.make(2, there=1)
    await desk.go(*SUCCESS)
    await desk.work.upkeep(DAY)
    await desk.go_on()

    assert ["FAIL EXPIRED"] == desk.heard(2)
    assert "EXPIRED" == (await desk.error(made, 2))[0]
    assert TaskState.COMPLETED == await desk.work.course(made)


async def test_canceled(desk: UpgradeDesk) -> None:
    """Canceled, each device is told of once: idle if it was not, then the result."""
    made = await desk.make(3, there=2)
    await desk.go(OLD)
    await desk.work.fly(device=1)
    await desk.go(*SUCCESS[:2], device=2)

    await desk.work.services.tasks.cancel(FIRST_SCOPE, made.id)
    in_flight = desk.heard(1)
    await desk.work.report(GOOD, device=1)
    await desk.go_on()

    assert ["downloading"] == in_flight
    assert ["downloading", "idle", "FAIL CANCELED"] == desk.heard(1)
    assert ["downloading", "downloaded", "idle", "FAIL CANCELED"] == desk.heard(2)
    assert ["FAIL CANCELED"] == desk.heard(3)
    assert ("CANCELED", "The task was canceled.") == await desk.error(made)
    assert TaskState.CANCELED == await desk.work.course(made)


async def test_paused(desk: UpgradeDesk) -> None:
    """Paused, who has begun goes on to the end, and nobody else begins."""
    made = await desk.make(2, pace=Pace(concurrency=1))
    await desk.go(OLD)
    await desk.work.services.tasks.pause(FIRST_SCOPE, made.id)
    await desk.go(*SUCCESS[1:])
    waiting = await desk.work.counts(made)

    await desk.work.services.tasks.resume(FIRST_SCOPE, made.id)
    await desk.go_on()
    await desk.go(*SUCCESS, device=2)

    assert {"waiting": 1, "completed": 1} == waiting
    assert [*PATH, "SUCCESS"] == desk.heard(1) == desk.heard(2)


async def test_stopped_after_failures(desk: UpgradeDesk) -> None:
    """Failures count against the limit: it pauses."""
    pace = Pace(concurrency=1, stop_after=FailureLimit.read("1"))
    made = await desk.make(3, pace=pace)

    await desk.go(OLD, ERROR)

    assert TaskState.PAUSED == await desk.work.course(made)
    assert ["downloading", "idle", "FAIL 17"] == desk.heard()


async def test_tried_again(desk: UpgradeDesk) -> None:
    """What failed begins anew, with a part of its own; the old one stays."""
    made = await desk.make()
    await desk.go(OLD, ERROR)
    (old,) = (await desk.parts(made)).values()

    retry = desk.work.services.tasks.retry
    await retry(FIRST_SCOPE, made.id, include_unknown=False)
    await desk.go_on()
    await desk.go(*SUCCESS)

    (new,) = (await desk.parts(made)).values()
    assert old.id != new.id
    assert {"completed": 1} == await desk.work.counts(made)
    assert ["downloading", "idle", "FAIL 17", *PATH, "SUCCESS"] == desk.heard()


async def test_one_command_canceled(desk: UpgradeDesk) -> None:
    """Who cancels the command of a step ends the part with that."""
    made = await desk.make()
    await desk.go(OLD)
    lane = desk.work.services.store.lane(1)
    assert lane is not None
    (command,) = lane.waiting

    await desk.work.services.queue.cancel(FIRST_SCOPE, command.id)

    assert ["FAIL CANCELED"] == desk.heard()
    assert ("CANCELED", "Step 2 of 4 (firmware_load) was canceled.") == (
        await desk.error(made)
    )


async def test_device_removed(desk: UpgradeDesk) -> None:
    """A device that is removed in the middle ends with that."""
    made = await desk.make()
    await desk.go(OLD)
    await desk.work.fly("u", device=1)
    await desk.work.services.fleet.delete(FIRST_SCOPE, 1)
    await desk.work.report(SUCCESS[1], "u", device=1)
    await desk.go_on()

    assert "FAIL CANCELED" == desk.heard()[-1]
    assert TaskState.COMPLETED == await desk.work.course(made)


async def test_not_there(desk: UpgradeDesk) -> None:
    """What is no upgrade of the scope is not found."""
    made = await desk.make()
    task = await desk.work.make("load_objects", devices=1)
    assert task.task is not None

    for scope, upgrade in ((2, made.id), (1, task.task.id), (1, 7)):
        with pytest.raises(NotFound):
            await desk.work.services.upgrades.get(scope, upgrade)
    with pytest.raises(Conflict):
        await desk.work.services.tasks.resume(FIRST_SCOPE, made.id)
