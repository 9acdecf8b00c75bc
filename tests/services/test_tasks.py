"""Tasks: chosen devices, created once, and wholly or not at all."""

import asyncio

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import (
    IdempotencyMismatch,
    Invalid,
    Unavailable,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.target import TargetSelector
from pushserver.model.task import TaskState
from pushserver.services.task_scheduler import PREPARE_TIMEOUT
from tests.devices import terminal
from tests.services.operation_driver import IDEMPOTENT, OperationDriver

pytestmark = pytest.mark.scopes(8)

ONE, TWO = "load_objects", "user_set_image"
OTHER = 8


async def test_made(operation_driver: OperationDriver) -> None:
    """A task has one operation for each device, which waits, and its steps once."""
    task = await operation_driver.adopt_and_create_task(ONE, TWO, devices=1200)

    assert (TaskState.RUNNING, 2) == (
        await operation_driver.task_state(task),
        task.step_count,
    )
    assert {"waiting": 1200} == await operation_driver.task_counts(task)
    parts = await operation_driver.task_operations(task)
    assert list(range(1, 1201)) == sorted(parts)
    steps = await operation_driver.services.store.operations.step_records(parts[7])
    assert [ONE, TWO] == [each.step.request.order.endpoint for each in steps]
    assert {task.id} == {each.step.owner_id for each in steps}
    own = [(part.id, 0) for part in parts.values()]
    assert [] == await operation_driver.services.store.operations.steps(own)


async def test_answer(operation_driver: OperationDriver) -> None:
    """The answer says for how many it is."""
    await operation_driver.adopt(1, 2, 3)

    created = await operation_driver.create_task(ONE)

    assert created.task is not None
    assert b"%d 3" % created.task.id == created.answer


@pytest.mark.parametrize(
    ("targets", "devices"),
    [
        (TargetSelector(), [1, 2, 3, 4]),
        (TargetSelector(tags={"site": "north"}), [3, 4]),
        (TargetSelector(device_ids=[4, 1, 4]), [1, 4]),
    ],
)
async def test_targets(
    operation_driver: OperationDriver, targets: TargetSelector, devices: list[int]
) -> None:
    """Devices are chosen by ids, by tags, or all of the scope that are adopted."""
    await operation_driver.adopt(1, 2)
    await operation_driver.adopt(3, 4, tags={"site": "north", "floor": "2"})
    await operation_driver.services.fleet.adopt(OTHER, terminal(5))
    await operation_driver.see_devices(6)

    created = await operation_driver.create_task(ONE, targets=targets)

    assert created.task is not None
    assert devices == sorted(await operation_driver.task_operations(created.task))
    expected = operation_driver.services.task_creator.preview_targets(
        DEFAULT_SCOPE_ID, targets
    )
    assert devices == sorted([each.device.device_id async for each in expected])


@pytest.mark.parametrize(
    "targets",
    [
        TargetSelector(device_ids=[]),
        TargetSelector(device_ids=[1, 5]),
        TargetSelector(device_ids=[1, 6]),
        TargetSelector(device_ids=[1, 7]),
        TargetSelector(tags={"site": "south"}),
    ],
)
async def test_nobody_there(
    operation_driver: OperationDriver, targets: TargetSelector
) -> None:
    """A device that is not the scope's own is refused, and so is nobody at all."""
    await operation_driver.adopt(1)
    await operation_driver.services.fleet.adopt(OTHER, terminal(5))
    await operation_driver.see_devices(6)

    with pytest.raises(Invalid):
        await operation_driver.create_task(ONE, targets=targets)
    with pytest.raises(Invalid):
        await anext(
            operation_driver.services.task_creator.preview_targets(
                DEFAULT_SCOPE_ID, targets
            )
        )
    assert [] == await operation_driver.services.store.tasks.active_tasks()


async def test_expected(operation_driver: OperationDriver) -> None:
    """Before it is made a program can learn who is online, and when to expect them."""
    await operation_driver.adopt(1, 2)
    await operation_driver.see_devices(1)

    expected = operation_driver.services.task_creator.preview_targets(
        DEFAULT_SCOPE_ID, TargetSelector()
    )
    first, second = [each async for each in expected]

    assert (True, False) == (first.online, second.online)
    assert (None, 0) == (second.next_poll_at, await operation_driver.count_operations())


async def test_key(operation_driver: OperationDriver) -> None:
    """The same request again makes nothing, and is answered as the first time."""
    await operation_driver.adopt(1, 2, 3)
    first = await operation_driver.create_task(ONE, request=IDEMPOTENT)
    await operation_driver.see_devices(1)
    await operation_driver.advance_tasks()
    again = await operation_driver.create_task(ONE, request=IDEMPOTENT)

    assert (first.answer, None) == (again.answer, again.task)
    assert 3 == await operation_driver.count_operations()
    with pytest.raises(IdempotencyMismatch):
        await operation_driver.create_task(
            TWO, request=attrs.evolve(IDEMPOTENT, fingerprint="g")
        )


async def test_key_of_yesterday(operation_driver: OperationDriver) -> None:
    """After a day a key is new again."""
    await operation_driver.adopt(1, 2, 3)
    first = await operation_driver.create_task(ONE, request=IDEMPOTENT)
    operation_driver.clock.tick(86_400)
    second = await operation_driver.create_task(ONE, request=IDEMPOTENT)

    assert second.task is not None
    assert first.answer != second.answer


async def test_store_away(operation_driver: OperationDriver) -> None:
    """When it could not be written nothing was made, and the key is unused."""
    await operation_driver.adopt(1, 2, 3)
    async with operation_driver.failing_commits():
        with pytest.raises(Unavailable):
            await operation_driver.create_task(ONE, request=IDEMPOTENT)

    created = await operation_driver.create_task(ONE, request=IDEMPOTENT)

    assert created.task is not None
    assert [created.task] == await operation_driver.services.store.tasks.active_tasks()


async def test_store_away_in_the_middle(operation_driver: OperationDriver) -> None:
    """A task that was half written when the store failed is dropped when it is back."""
    await operation_driver.adopt(*range(1, 5001))
    making = asyncio.create_task(operation_driver.create_task(ONE, devices=5000))
    while not await operation_driver.count_operations():
        pass  # reading lets others go on
    async with operation_driver.failing_commits():
        with pytest.raises(Unavailable):
            await making
        operation_driver.clock.tick(seconds=PREPARE_TIMEOUT / SECOND)
        with pytest.raises(Unavailable):
            await operation_driver.advance_tasks()
    left = await operation_driver.count_operations()
    await operation_driver.advance_tasks()

    assert 0 < left < 5000
    assert 0 == await operation_driver.count_operations()
    assert [] == await operation_driver.services.store.tasks.active_tasks()


async def test_left_alone_while_it_is_made(operation_driver: OperationDriver) -> None:
    """A task that is being written is not dropped, however often the worker runs."""
    await operation_driver.adopt(*range(1, 2001))
    making = asyncio.create_task(operation_driver.create_task(ONE, devices=2000))
    while not making.done():
        await operation_driver.advance_tasks()
    created = await making

    assert created.task is not None
    assert {"waiting": 2000} == await operation_driver.task_counts(created.task)
