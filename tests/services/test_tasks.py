"""Tasks: made once, paused, resumed and canceled."""

import attrs
import pytest

from pushserver.errors import (
    Conflict,
    IdempotencyMismatch,
    Invalid,
    NotFound,
    Unavailable,
)
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.target import Targets
from pushserver.model.task import TaskState
from tests.services.work import ONCE, ONE, TWO, WorkDesk, operations, pace

OTHER = 8


async def test_made(work: WorkDesk) -> None:
    """A task has one operation for each device, which waits, and its steps once."""
    task = await work.task(ONE, TWO, devices=1200)

    assert (TaskState.RUNNING, 2) == (await work.course(task), task.steps)
    assert {"waiting": 1200} == await work.counts(task)
    parts = await work.parts(task)
    assert list(range(1, 1201)) == sorted(parts)
    steps = await work.services.store.operations.step_records(parts[7])
    assert [ONE, TWO] == [each.step.draft.order.endpoint for each in steps]
    assert {task.id} == {each.step.owner_id for each in steps}
    own = [(part.id, 0) for part in parts.values()]
    assert [] == await work.services.store.operations.steps(own)


async def test_answer(work: WorkDesk) -> None:
    """The answer says for how many it is."""
    await work.adopt(1, 2, 3)

    made = await work.make(ONE)

    assert made.task is not None
    assert b"%d 3" % made.task.id == made.answer


@pytest.mark.parametrize(
    ("targets", "devices"),
    [
        (Targets(), [1, 2, 3, 4]),
        (Targets(tags={"site": "north"}), [3, 4]),
        (Targets(device_ids=[4, 1, 4]), [1, 4]),
    ],
)
async def test_targets(work: WorkDesk, targets: Targets, devices: list[int]) -> None:
    """Devices are chosen by ids, by tags, or all of the scope that are adopted."""
    await work.adopt(1, 2)
    await work.adopt(3, 4, tags={"site": "north", "floor": "2"})
    await work.services.fleet.adopt(OTHER, 5)
    await work.come(6)

    made = await work.make(ONE, targets=targets)

    assert made.task is not None
    assert devices == sorted(await work.parts(made.task))
    expected = work.services.tasks.expect(FIRST_SCOPE, targets)
    assert devices == sorted(each.device.device_id for each in expected)


@pytest.mark.parametrize(
    "targets",
    [
        Targets(device_ids=[]),
        Targets(device_ids=[1, 5]),
        Targets(device_ids=[1, 6]),
        Targets(device_ids=[1, 7]),
        Targets(tags={"site": "south"}),
    ],
)
async def test_nobody_there(work: WorkDesk, targets: Targets) -> None:
    """A device that is not the scope's own is refused, and so is nobody at all."""
    await work.adopt(1)
    await work.services.fleet.adopt(OTHER, 5)
    await work.come(6)

    with pytest.raises(Invalid):
        await work.make(ONE, targets=targets)
    with pytest.raises(Invalid):
        work.services.tasks.expect(FIRST_SCOPE, targets)
    assert [] == await work.services.store.tasks.active_tasks()


async def test_expected(work: WorkDesk) -> None:
    """Before it is made a program can learn who is online, and when to expect them."""
    await work.adopt(1, 2)
    await work.come(1)

    first, second = work.services.tasks.expect(FIRST_SCOPE, Targets())

    assert (True, False) == (first.online, second.online)
    assert (None, 0) == (second.expected_at, await operations(work))


async def test_key(work: WorkDesk) -> None:
    """The same request again makes nothing, and is answered as the first time."""
    await work.adopt(1, 2, 3)
    first = await work.make(ONE, request=ONCE)
    await work.come(1)
    await work.advance()
    again = await work.make(ONE, request=ONCE)

    assert (first.answer, None) == (again.answer, again.task)
    assert 3 == await operations(work)
    with pytest.raises(IdempotencyMismatch):
        await work.make(TWO, request=attrs.evolve(ONCE, fingerprint="g"))


async def test_key_of_yesterday(work: WorkDesk) -> None:
    """After a day a key is new again."""
    await work.adopt(1, 2, 3)
    first = await work.make(ONE, request=ONCE)
    work.clock.tick(86_400)
    second = await work.make(ONE, request=ONCE)

    assert second.task is not None
    assert first.answer != second.answer


async def test_store_away(work: WorkDesk) -> None:
    """When it could not be written nothing was made, and the key is unused."""
    await work.adopt(1, 2, 3)
    async with work.store_away():
        with pytest.raises(Unavailable):
            await work.make(ONE, request=ONCE)

    made = await work.make(ONE, request=ONCE)

    assert made.task is not None
    assert [made.task] == await work.services.store.tasks.active_tasks()


async def test_paused_and_resumed(work: WorkDesk) -> None:
    """A paused task begins nobody; a resumed one gives its devices their time again."""
    task = await work.task(ONE, there=3, pace=pace(seconds=60))
    await work.services.tasks.pause(FIRST_SCOPE, task.id)
    work.clock.tick(100)
    await work.come(1, 2, 3)
    await work.advance()
    paused = await work.counts(task), await work.course(task)
    resumed, _ = await work.services.tasks.resume(FIRST_SCOPE, task.id)
    await work.advance()

    assert ({"waiting": 3}, TaskState.PAUSED) == paused
    assert work.clock.now() + 60_000_000 == resumed.expires_at
    assert {"running": 3} == await work.counts(task)


async def test_canceled(work: WorkDesk) -> None:
    """What waits is canceled, what is in flight runs to its end, the last."""
    task = await work.task(ONE, TWO, devices=4, there=3)
    await work.advance()
    await work.do(device=1)
    await work.fly(device=2)

    canceled, counts = await work.services.tasks.cancel(FIRST_SCOPE, task.id)
    await work.go_on()
    await work.advance()

    assert (TaskState.CANCELED, 3, 1) == (
        canceled.state,
        counts.failed,
        counts.running,
    )
    await work.report(device=2)
    await work.go_on()
    await work.advance()
    assert {"failed": 4} == await work.counts(task)
    ended, _ = await work.services.tasks.get(FIRST_SCOPE, task.id)
    assert (TaskState.CANCELED, work.clock.now()) == (ended.state, ended.ended_at)
    assert await work.poll(device=3) is None


async def test_what_cannot_be_done(work: WorkDesk) -> None:
    """What does not go with how a task stands is refused."""
    tasks = work.services.tasks
    task = await work.task(ONE, devices=1)
    place = FIRST_SCOPE, task.id

    with pytest.raises(Conflict):
        await tasks.resume(*place)
    await tasks.pause(*place)
    with pytest.raises(Conflict):
        await tasks.pause(*place)
    await tasks.cancel(*place)
    for refused in (tasks.pause, tasks.resume, tasks.cancel):
        with pytest.raises(Conflict):
            await refused(*place)


async def test_not_there(work: WorkDesk) -> None:
    """What is not there, or another scope's, is not found."""
    tasks = work.services.tasks
    task = await work.task(ONE, devices=1)

    for place in ((FIRST_SCOPE, 5), (OTHER, task.id)):
        for ask in (tasks.get, tasks.pause, tasks.resume, tasks.cancel):
            with pytest.raises(NotFound):
                await ask(*place)
        with pytest.raises(NotFound):
            await tasks.retry(*place, include_unknown=True)
    assert {"waiting": 1} == await work.counts(task)
