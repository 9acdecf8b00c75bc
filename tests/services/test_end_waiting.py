"""Waiting for the outcome of a command, and for results."""

import asyncio

import pytest

from pushserver.model.command import Command
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.services.driver import (
    ServiceDriver,
)


async def wait_for_outcome(
    driver: ServiceDriver, command: Command
) -> "asyncio.Task[CommandState]":
    """Begin to wait for a command's outcome."""

    async def outcome() -> CommandState:
        async with asyncio.timeout(15):
            return await driver.services.queue.wait_until_over(
                DEFAULT_SCOPE_ID, command.id, 20
            )

    task = asyncio.create_task(outcome())
    await driver.run_until_idle()
    return task


async def test_wait_for_an_answer(driver: ServiceDriver) -> None:
    """A caller that waits for a command gets its outcome at once."""
    (command,) = await driver.enqueue("reboot")
    task = await wait_for_outcome(driver, command)
    await driver.receive_command("u1")
    await driver.run_until_idle()
    assert not task.done()

    await driver.post_result(uuid="u1")

    assert CommandState.SUCCESSFUL is await task


@pytest.mark.parametrize("end", ["cancel", "expire", "time out"])
async def test_wait_for_another_end(
    driver: ServiceDriver, services: Services, end: str
) -> None:
    """Every end is an outcome."""
    (command,) = await driver.enqueue("execute_actions")
    task = await wait_for_outcome(driver, command)
    if end == "cancel":
        await services.withdrawals.withdraw(DEFAULT_SCOPE_ID, command.id)
    elif end == "expire":
        await driver.expire_overdue(30)
    else:
        await driver.receive_command("u1")
        await driver.expire_overdue(180)

    expected = {"cancel": CommandState.CANCELED, "expire": CommandState.EXPIRED}
    assert expected.get(end, CommandState.TIMEOUT) is await task


async def test_wait_for_what_has_ended(
    driver: ServiceDriver, services: Services
) -> None:
    """For what has ended nobody waits."""
    (command,) = await driver.enqueue("reboot")
    await services.withdrawals.withdraw(DEFAULT_SCOPE_ID, command.id)

    assert CommandState.CANCELED is await (await wait_for_outcome(driver, command))


async def test_wait_for_nothing(driver: ServiceDriver, services: Services) -> None:
    """After the time limit the command's state is returned as it is."""
    (command,) = await driver.enqueue("reboot")

    for seconds in (0, 0.01):
        state = await services.queue.wait_until_over(
            DEFAULT_SCOPE_ID, command.id, seconds
        )
        assert CommandState.PENDING is state


async def test_wait_until_the_server_stops(
    driver: ServiceDriver, services: Services
) -> None:
    """A server that stops keeps nobody waiting."""
    (command,) = await driver.enqueue("reboot")
    task = await wait_for_outcome(driver, command)

    services.completion_waiters.close()

    assert CommandState.PENDING is await task
    assert CommandState.PENDING is await (await wait_for_outcome(driver, command))


async def test_wait_for_results(driver: ServiceDriver, services: Services) -> None:
    """A caller that waits for any result is woken by the next one, even an orphan."""
    with services.completion_waiters.results_waiter(DEFAULT_SCOPE_ID) as waiter:
        await driver.enqueue("reboot")
        assert not waiter.is_set()

        await driver.post_result()

        assert waiter.is_set()
