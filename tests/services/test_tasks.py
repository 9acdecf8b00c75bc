"""Tasks: for whom they are made, once, and wholly or not at all."""

import asyncio

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import (
    IdempotencyMismatch,
    Invalid,
    Unavailable,
)
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.target import Targets
from pushserver.model.task import TaskState
from pushserver.services.rollout import PREPARING
from tests.services.work import ONCE, WorkDesk

ONE, TWO = "load_objects", "user_set_image"
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
    expected = await work.services.tasks.expect(FIRST_SCOPE, targets)
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
        await work.services.tasks.expect(FIRST_SCOPE, targets)
    assert [] == await work.services.store.tasks.active_tasks()


async def test_expected(work: WorkDesk) -> None:
    """Before it is made a program can learn who is online, and when to expect them."""
    await work.adopt(1, 2)
    await work.come(1)

    first, second = await work.services.tasks.expect(FIRST_SCOPE, Targets())

    assert (True, False) == (first.online, second.online)
    assert (None, 0) == (second.expected_at, await work.operations())


async def test_key(work: WorkDesk) -> None:
    """The same request again makes nothing, and is answered as the first time."""
    await work.adopt(1, 2, 3)
    first = await work.make(ONE, request=ONCE)
    await work.come(1)
    await work.advance()
    again = await work.make(ONE, request=ONCE)

    assert (first.answer, None) == (again.answer, again.task)
    assert 3 == await work.operations()
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


async def test_store_away_in_the_middle(work: WorkDesk) -> None:
    """What was written of it before the store went is dropped when it is back."""
    await work.adopt(*range(1, 5001))
    making = asyncio.create_task(work.make(ONE, devices=5000))
    while not await work.operations():
        pass  # reading lets others go on
    async with work.store_away():
        with pytest.raises(Unavailable):
            await making
        work.clock.tick(seconds=PREPARING / SECOND)
        with pytest.raises(Unavailable):
            await work.advance()
    left = await work.operations()
    await work.advance()

    assert 0 < left < 5000
    assert 0 == await work.operations()
    assert [] == await work.services.store.tasks.active_tasks()


async def test_left_alone_while_it_is_made(work: WorkDesk) -> None:
    """What is being written is not dropped, however often the worker looks."""
    await work.adopt(*range(1, 2001))
    making = asyncio.create_task(work.make(ONE, devices=2000))
    while not making.done():
        await work.advance()
    made = await making

    assert made.task is not None
    assert {"waiting": 2000} == await work.counts(made.task)
