"""Tasks being carried out: who begins, how many at once, when to pause, how it ends."""

import asyncio

import pytest

from pushserver.model.device import DeviceState
from pushserver.model.operation import OnFailure, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import TaskState
from tests.services.work import ERROR, WorkDesk, pace

ONE, TWO = "load_objects", "user_set_image"
TIMEOUT = 180


async def test_to_the_end(work: WorkDesk) -> None:
    """A task begins on all its devices, goes through their steps, and is completed."""
    task = await work.task(ONE, TWO, there=3)
    counts = [await work.counts(task)]
    await work.advance()
    counts.append(await work.counts(task))
    for _ in range(2):
        await work.work(1, 2, 3)
        counts.append(await work.counts(task))

    assert [{"waiting": 3}, {"running": 3}, {"running": 3}, {"completed": 3}] == counts
    assert TaskState.COMPLETED == await work.course(task)
    for part in (await work.parts(task)).values():
        assert ["queued", "sent", "SUCCESSFUL"] * 2 == await work.told(part)


async def test_ended_at(work: WorkDesk) -> None:
    """It has ended when its last operation has."""
    task = await work.task(ONE, there=3)
    await work.advance()
    work.clock.tick(9)
    await work.work(1, 2, 3)

    ended, _ = await work.services.tasks.get(FIRST_SCOPE, task.id)
    assert work.clock.now() == ended.ended_at


async def test_held_polls(work: WorkDesk) -> None:
    """A poll that waits is given the first step at once."""
    await work.task(ONE, there=3)
    async with work.held(device=1) as held:
        await work.advance()
        flight = await held

    assert flight is not None
    assert ONE == flight.command.endpoint


async def test_only_who_is_there(work: WorkDesk) -> None:
    """Devices that are away wait, and begin when they come."""
    task = await work.task(ONE, devices=4, there=2)
    await work.advance()
    before = await work.begun(task)
    await work.come(3)
    await work.advance()

    assert [1, 2] == before
    assert [1, 2, 3] == await work.begun(task)
    assert {"waiting": 1, "running": 3} == await work.counts(task)


async def test_who_left_is_not_there(work: WorkDesk) -> None:
    """A device that has not polled for long is away."""
    task = await work.task(ONE, devices=1, there=1)
    work.clock.tick(31)

    await work.advance()

    assert [] == await work.begun(task)


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_concurrency(work: WorkDesk, limit: int) -> None:
    """Never do more run at once than may; a place that falls free is taken."""
    task = await work.task(ONE, TWO, devices=7, there=7, pace=pace(limit))
    most = 0
    for _ in range(30):
        await work.advance()
        running = (await work.counts(task)).get("running", 0)
        most = max(most, running)
        busy = [d for d, o in (await work.parts(task)).items() if o.queued > o.done]
        if busy:
            await work.do(device=min(busy))
            await work.go_on()

    assert limit == most
    assert {"completed": 7} == await work.counts(task)


async def test_concurrency_of_two_rounds(work: WorkDesk) -> None:
    """Rounds that follow one another without news begin nobody more."""
    task = await work.task(ONE, devices=5, there=5, pace=pace(2))
    for _ in range(3):
        await work.advance()

    assert [1, 2] == await work.begun(task)


async def test_who_is_away_holds_no_place(work: WorkDesk) -> None:
    """A device that is away holds none of the places."""
    task = await work.task(ONE, devices=4, pace=pace(1))
    await work.come(4)

    await work.advance()

    assert [4] == await work.begun(task)


@pytest.mark.parametrize(
    ("limit", "failures"), [("1", 1), ("2", 2), ("20%", 2), ("21%", 3)]
)
async def test_pauses(work: WorkDesk, limit: str, failures: int) -> None:
    """So many failures, or such a share of the devices, and no more begin."""
    task = await work.task(
        ONE, devices=10, there=10, pace=pace(concurrency=1, stop_after=limit)
    )
    await work.advance()
    for device in range(1, failures + 1):
        assert TaskState.RUNNING == await work.course(task)
        await work.work(device, body=ERROR)

    assert TaskState.PAUSED == await work.course(task)
    assert {"failed": failures, "waiting": 10 - failures} == await work.counts(task)
    assert 0 == await work.advance()


async def test_nobody_knows_counts_as_failure(work: WorkDesk) -> None:
    """What nobody knows of counts against the limit, too."""
    task = await work.task(
        "reboot", devices=2, there=2, pace=pace(concurrency=1, stop_after="1")
    )
    await work.advance()
    await work.fly(device=1)
    await work.upkeep(TIMEOUT)
    await work.advance()

    assert TaskState.PAUSED == await work.course(task)
    assert {"stale": 1, "waiting": 1} == await work.counts(task)


async def test_what_runs_goes_on(work: WorkDesk) -> None:
    """In a paused task what has begun goes on to its end."""
    task = await work.task(ONE, TWO, there=2)
    await work.advance()
    await work.services.tasks.pause(FIRST_SCOPE, task.id)
    for _ in range(2):
        await work.work(1, 2)
    await work.come(3)
    await work.advance()

    assert {"completed": 2, "waiting": 1} == await work.counts(task)
    assert TaskState.PAUSED == await work.course(task)


async def test_resumed(work: WorkDesk) -> None:
    """A resumed task goes on, until as many failures again."""
    task = await work.task(
        ONE, devices=6, there=6, pace=pace(concurrency=1, stop_after="2")
    )
    await work.advance()
    for device in (1, 2):
        await work.work(device, body=ERROR)
    await work.services.tasks.resume(FIRST_SCOPE, task.id)
    await work.advance()
    courses = []
    for device in (3, 4):
        await work.work(device, body=ERROR)
        courses.append(await work.course(task))

    assert [TaskState.RUNNING, TaskState.PAUSED] == courses


async def test_paused_at_the_end(work: WorkDesk) -> None:
    """When nothing is left to begin a task is over, however much has failed."""
    task = await work.task(ONE, devices=1, there=1, pace=pace(stop_after="1"))
    await work.advance()
    await work.work(1, body=ERROR)

    assert TaskState.COMPLETED == await work.course(task)
    assert {"failed": 1} == await work.counts(task)


async def test_pausing_in_the_middle(work: WorkDesk) -> None:
    """From the moment that a task is paused nobody more begins."""
    task = await work.task(ONE, devices=1000, there=1000)
    advancing = asyncio.create_task(work.advance())
    while not await work.begun(task):
        pass  # reading lets others go on
    _, paused = await work.services.tasks.pause(FIRST_SCOPE, task.id)
    await advancing

    assert 0 < paused.waiting < 1000
    assert paused.waiting == (await work.counts(task))["waiting"]


async def test_canceling_in_the_middle(work: WorkDesk) -> None:
    """From the moment that a task is canceled nobody begins, and all end."""
    task = await work.task(ONE, devices=1000, there=1000)
    advancing = asyncio.create_task(work.advance())
    while not await work.begun(task):
        pass  # reading lets others go on
    await work.services.tasks.cancel(FIRST_SCOPE, task.id)
    await advancing
    await work.advance()

    assert {"failed": 1000} == await work.counts(task)
    assert all(work.services.polling.is_idle(d) for d in range(1, 1001))


async def test_who_never_came(work: WorkDesk) -> None:
    """Who is away when the time is over does not begin; who is there does."""
    task = await work.task("reboot", there=1, pace=pace(seconds=60))
    await work.advance()
    work.clock.tick(59)
    await work.advance()
    early = await work.counts(task)
    work.clock.tick(1)
    await work.come(2)
    await work.advance()

    assert {"waiting": 2, "running": 1} == early
    assert {"failed": 1, "running": 2} == await work.counts(task)
    (lost,) = [
        part
        for part in (await work.parts(task)).values()
        if part.status is Status.FAILED
    ]
    told = await work.told(lost)
    assert ["The device did not come in time, or is gone."] == told


async def test_how_long_by_itself(work: WorkDesk) -> None:
    """Unless it is said devices have as long as their first command would."""
    doors = await work.task("execute_actions", ONE)
    others = await work.task(ONE, "execute_actions")
    own = await work.task(ONE, expires_in=7_000_000)
    planned = await work.task(ONE, not_before=work.clock.now() + 50_000_000)

    assert [30, 86_400, 7, 86_450] == [
        (each.expires_at - each.created_at) / 1_000_000
        for each in (doors, others, own, planned)
    ]


async def test_device_deleted(work: WorkDesk) -> None:
    """With a device its part ends, whether it waits, has begun, or comes again."""
    task = await work.task(ONE, TWO, devices=4, there=2)
    await work.advance()
    await work.work(2)
    for device in (1, 2, 3):
        await work.services.fleet.delete(FIRST_SCOPE, device)
    await work.come(3)
    stranger = work.services.fleet.find(FIRST_SCOPE, 3)
    await work.go_on()
    await work.advance()

    assert stranger is not None
    assert stranger.state is DeviceState.QUARANTINED
    assert {"failed": 3, "waiting": 1} == await work.counts(task)


async def test_device_of_another_scope(work: WorkDesk) -> None:
    """A device that went to another scope has no part in the task any more."""
    task = await work.task(ONE, devices=1)
    await work.services.fleet.delete(FIRST_SCOPE, 1)
    await work.services.fleet.adopt(FIRST_SCOPE + 1, 1)
    await work.come(1)

    await work.advance()

    assert {"failed": 1} == await work.counts(task)
    assert await work.poll(device=1) is None


async def test_late_result(work: WorkDesk) -> None:
    """A late result corrects the counts; it starts nothing and ends nothing twice."""
    task = await work.task("reboot", devices=1, there=1)
    await work.advance()
    await work.fly("u1", device=1)
    await work.upkeep(TIMEOUT)
    await work.advance()
    ended, stale = await work.services.tasks.get(FIRST_SCOPE, task.id)

    await work.report(uuid="u1", device=1)
    await work.go_on()
    await work.advance()

    again, counts = await work.services.tasks.get(FIRST_SCOPE, task.id)
    assert (1, 1) == (stale.stale, counts.completed)
    assert ended == again
    assert TaskState.COMPLETED == again.state


async def test_late_result_of_an_earlier_step(work: WorkDesk) -> None:
    """Of two steps the first one's late result starts no second."""
    task = await work.task("reboot", TWO, devices=1, there=1)
    await work.advance()
    await work.fly("u1", device=1)
    await work.upkeep(TIMEOUT)

    await work.report(uuid="u1", device=1)
    await work.go_on()
    await work.advance()

    assert {"failed": 1} == await work.counts(task)
    assert await work.poll(device=1) is None


async def test_on_failure(work: WorkDesk) -> None:
    """Each device's part goes on after failures if the task says so."""
    task = await work.task(ONE, TWO, devices=1, there=1, on_failure=OnFailure.CONTINUE)
    await work.advance()
    await work.work(1, body=ERROR)
    await work.work(1)

    part = (await work.parts(task))[1]
    assert (Status.FAILED, 2, 2, 100) == await work.stands(part)


async def test_several_tasks(work: WorkDesk) -> None:
    """Tasks do not wait for one another."""
    await work.task(ONE, devices=3)
    second = await work.task(TWO, devices=3, there=3, pace=pace(1))
    third = await work.task("reboot", devices=3)

    await work.advance()

    assert ([1], [1, 2, 3]) == (await work.begun(second), await work.begun(third))


async def test_the_worker_is_called(work: WorkDesk) -> None:
    """The worker's bell rings when a task is made and when a part of it ends."""
    wanted = work.services.rollout.wanted
    await work.task(ONE, TWO, devices=1, there=1)
    rings = [wanted.is_set()]
    await work.advance()
    for _ in range(2):
        rings.append(wanted.is_set())
        await work.do(device=1)
        await work.go_on()
    rings.append(wanted.is_set())

    assert [True, False, False, True] == rings


async def test_turns(work: WorkDesk) -> None:
    """In one round a task has its turn, not more; the rest follows at once."""
    task = await work.task(ONE, devices=1050, there=1050)

    await work.advance()

    assert {"running": 1000, "waiting": 50} == await work.counts(task)
    assert work.services.rollout.wanted.is_set()
    await work.advance()
    assert {"running": 1050} == await work.counts(task)
