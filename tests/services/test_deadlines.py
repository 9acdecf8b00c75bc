"""Deadlines: expiry, overdue answers, old keys."""

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.state import CommandState
from pushserver.services.deadlines import Deadlines
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.services.driver import ServiceDriver


async def test_nothing_due(driver: ServiceDriver) -> None:
    """If nothing is due, nothing is done."""
    (command,) = await driver.enqueue("execute_actions")

    assert 0 == await driver.expire_overdue(29)
    assert CommandState.PENDING is await driver.command_state(command)


async def test_expiry(driver: ServiceDriver) -> None:
    """
    A command that waited for too long is EXPIRED without a poll, for every device.
    """
    doors = [
        (await driver.enqueue("execute_actions", device=n))[0] for n in range(1, 51)
    ]
    (other,) = await driver.enqueue("reboot")

    assert 50 == await driver.expire_overdue(30)
    assert {CommandState.EXPIRED} == {
        await driver.command_state(door) for door in doors
    }
    assert CommandState.PENDING is await driver.command_state(other)


async def test_no_answer(driver: ServiceDriver) -> None:
    """A command without an answer is given up, and its class decides."""
    (again,) = await driver.enqueue("load_objects")
    (door,) = await driver.enqueue("execute_actions", device=5)
    await driver.receive_command("u1")
    await driver.receive_command("u1", device=5)

    assert 0 == await driver.expire_overdue(179)
    assert 2 == await driver.expire_overdue(1)
    assert CommandState.PENDING is await driver.command_state(again)
    assert CommandState.TIMEOUT is await driver.command_state(door)


async def test_all_attempts(driver: ServiceDriver) -> None:
    """A device that polls and never answers uses up all attempts, and no more."""
    (command,) = await driver.enqueue("load_objects", max_attempts=3)
    for _ in range(10):
        in_flight = await driver.poll("u")
        if in_flight is not None:
            driver.services.polling.mark_written([in_flight])
        await driver.expire_overdue(10)

    record = await driver.command_record(command)
    assert (CommandState.TIMEOUT, 3, 3) == (
        record.command.state,
        record.command.attempts,
        len(record.deliveries),
    )


async def test_runs_on_its_own(driver: ServiceDriver) -> None:
    """Command after command ends in time, with nobody polling for days."""
    commands = []
    for seconds in (10, 20, 30, 40):
        commands += await driver.enqueue("reboot", expires_in=seconds * SECOND)
    ended = [await driver.expire_overdue(10) for _ in commands]

    assert [1, 1, 1, 1] == ended
    assert {CommandState.EXPIRED} == {
        await driver.command_state(one) for one in commands
    }


async def test_store_away(driver: ServiceDriver, services: Services) -> None:
    """Work that fell due while the store was unavailable is done when it is back."""
    (door,) = await driver.enqueue("execute_actions")
    (other,) = await driver.enqueue("execute_actions", device=5)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await driver.expire_overdue(30)
    await services.store.check_writable()

    await driver.expire_overdue(1)

    assert CommandState.EXPIRED is await driver.command_state(door)
    assert CommandState.EXPIRED is await driver.command_state(other)


async def test_held_back_ends(driver: ServiceDriver, clock: ManualClock) -> None:
    """An endpoint that is held back is free when the time has passed."""
    first, second = await driver.enqueue(
        "execute_actions", "execute_actions", expires_in=900 * SECOND
    )
    await driver.receive_command()
    clock.tick(5)
    assert await driver.poll() is None
    assert CommandState.TIMEOUT is await driver.command_state(first)

    await driver.expire_overdue(175)

    assert second.id == (await driver.receive_command()).command.id


async def test_old_keys(
    driver: ServiceDriver, services: Services, clock: ManualClock
) -> None:
    """Idempotency keys are forgotten when their day is over."""
    deadlines = Deadlines(services.store, clock, services.lanes)
    await driver.enqueue_idempotent("reboot")
    clock.tick(86_400)
    assert 0 == await deadlines.purge_idempotency_keys()

    clock.tick(1)
    assert 1 == await deadlines.purge_idempotency_keys()
    assert 0 == await deadlines.purge_idempotency_keys()
