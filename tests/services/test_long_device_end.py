"""Very much that was planned for a device ends in pieces, however it is planned."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.device_end import OPERATIONS_TO_SHORTEN
from pushserver.model.lane import Lane
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.target import TargetSelector
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE
from pushserver.services.lanes import Lanes
from pushserver.storage.commands import PriorState
from pushserver.storage.operations import OperationFilter
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.model.operation_scenario import ACTOR
from tests.services.operation_driver import ONE, TWO, OperationDriver
from tests.services.operation_driver import plan as operation_plan

#: Of operations with a step that waits, of those without steps, and of commands.
EACH = 300
#: An operation with its step counts as two.
COUNT = 4 * EACH

OTHER = 8

EndedCounts = list[int]


@pytest.fixture(name="rounds")
def _rounds(monkeypatch: pytest.MonkeyPatch) -> EndedCounts:
    """Return how many commands and operations each decision on a lane ended."""
    return _spy(monkeypatch, lambda _: None)


def _spy(
    monkeypatch: pytest.MonkeyPatch, check: Callable[[EndedCounts], None]
) -> EndedCounts:
    """Count what decisions end, and let *check* refuse those to come."""
    rounds, change = EndedCounts(), Lanes.change

    def spy(lanes: Lanes, device_id: int, decide: Any, *args: Any) -> Any:
        def count(lane: Lane, changes: Changes, prior: PriorState) -> Any:
            before = _ended(changes)
            value = decide(lane, changes, prior)
            rounds.append(_ended(changes) - before)
            return value

        check(rounds)
        return change(lanes, device_id, count, *args)

    monkeypatch.setattr(Lanes, "change", spy)
    return rounds


def _ended(changes: Changes) -> int:
    commands = changes.changed_commands.values()
    operations = changes.operations.values()
    return sum(each.is_finished for each in commands) + sum(
        not each.is_running for each in operations
    )


async def _plan_much(driver: OperationDriver) -> None:
    """Plan `COUNT` commands and operations for a device."""
    await driver.ensure_adopted()
    for endpoints in ((ONE, TWO), ()):
        await asyncio.gather(*(_create(driver, *endpoints) for _ in range(EACH)))
    await driver.enqueue(*["reboot"] * EACH)


async def _create(driver: OperationDriver, *endpoints: str) -> None:
    await driver.services.operations.create(
        DEVICE,
        operation_plan(*endpoints),
        lambda *_: b"",
        scope_id=DEFAULT_SCOPE_ID,
        created_by=ACTOR,
    )


async def _require_ended(driver: OperationDriver) -> None:
    """Check that nothing is planned for the device, and nothing is lost."""
    assert 0 == await _count_left(driver)
    assert not await driver.services.store.devices_with_plans([DEVICE])
    assert 2 * EACH == await driver.count_operations()


async def test_deleted(operation_driver: OperationDriver, rounds: EndedCounts) -> None:
    """No decision ends more commands and operations together than one may end."""
    await _plan_much(operation_driver)
    rounds.clear()

    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert COUNT == sum(rounds)
    assert max(rounds) <= MAX_ENDED_AT_ONCE
    await _require_ended(operation_driver)


async def test_deleted_without_steps(
    operation_driver: OperationDriver, rounds: EndedCounts
) -> None:
    """So it is if there are more operations than are read for a decision."""
    count = OPERATIONS_TO_SHORTEN + MAX_ENDED_AT_ONCE
    await operation_driver.ensure_adopted()
    await asyncio.gather(*(_create(operation_driver) for _ in range(count)))
    rounds.clear()

    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert count == sum(rounds)
    assert max(rounds) <= MAX_ENDED_AT_ONCE
    assert 0 == await _count_left(operation_driver)


async def test_deleted_between_steps(
    operation_driver: OperationDriver, rounds: EndedCounts
) -> None:
    """What is in flight, and what is between two steps, ends with the rest."""
    in_flight = await operation_driver.create_operation(ONE, TWO)
    between = await operation_driver.create_operation(TWO, ONE)
    await operation_driver.run_command()
    await operation_driver.run_command()
    await operation_driver.start_next_steps()
    await operation_driver.receive_command()
    other = await operation_driver.create_operation()
    await _plan_much(operation_driver)
    rounds.clear()

    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert max(rounds) <= MAX_ENDED_AT_ONCE
    assert not await operation_driver.services.store.devices_with_plans([DEVICE])
    words = [
        (await operation_driver.notification_words(each))[-1]
        for each in (in_flight, between, other)
    ]
    assert ["TIMEOUT", "CANCELED", "The device was deleted."] == words


async def test_task(operation_driver: OperationDriver, rounds: EndedCounts) -> None:
    """A task counts the operation of a device that ended in pieces, once."""
    await operation_driver.adopt(DEVICE, OTHER)
    await operation_driver.see_devices(DEVICE, OTHER)
    targets = TargetSelector(device_ids=[DEVICE, OTHER])
    task = (await operation_driver.create_task(ONE, targets=targets)).task
    assert task is not None
    await operation_driver.advance_tasks()
    await _plan_much(operation_driver)
    rounds.clear()

    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    await operation_driver.advance_tasks()

    assert COUNT + 2 == sum(rounds)
    assert {"failed": 1, "running": 1} == await operation_driver.task_counts(task)


async def test_failed_in_between(
    operation_driver: OperationDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    If a deletion ends in between, the device is there, and so is the rest of what was
    planned, no operation without its step. It can be deleted again.
    """

    def refuse_second(rounds: EndedCounts) -> None:
        if any(rounds):
            raise Unavailable("The server is stopping; try again.")

    services = operation_driver.services
    await _plan_much(operation_driver)
    with monkeypatch.context() as patch:
        _spy(patch, refuse_second)
        with pytest.raises(Unavailable):
            await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert services.devices.find_adopted(DEFAULT_SCOPE_ID, DEVICE)
    assert COUNT - MAX_ENDED_AT_ONCE == await _count_left(operation_driver)
    await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    await _require_ended(operation_driver)


async def _count_left(driver: OperationDriver) -> int:
    """Count what is still planned; each step has its operation, and the reverse."""
    criteria = OperationFilter(status=OperationStatus.RUNNING)
    find = driver.services.store.operations.operations
    running = await find(DEFAULT_SCOPE_ID, criteria, before=None, limit=10_000)
    commands = await driver.services.lanes.change(
        DEVICE, lambda lane, *_: [*lane.commands]
    )
    steps = {each.operation_id for each in commands if each.operation_id is not None}
    assert steps == {each.id for each in running if each.step_count}
    return len(commands) + len(running)


async def test_adopted(operation_driver: OperationDriver, rounds: EndedCounts) -> None:
    """What an earlier device with the id left ends in pieces, too."""
    services = operation_driver.services
    await _plan_much(operation_driver)
    await services.lanes.change(DEVICE, _delete_alone)
    services.device_sync.forget(DEVICE)
    rounds.clear()

    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))

    assert COUNT == sum(rounds)
    assert max(rounds) <= MAX_ENDED_AT_ONCE
    await _require_ended(operation_driver)


def _delete_alone(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
    """Delete a device, and nothing of what was planned for it."""
    changes.ended_devices.add(DEVICE)
    changes.deleted_devices.add(DEVICE)
