"""Polls: answered at once, held, woken, taken back."""

import asyncio

from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE, order
from tests.services.driver import Connection, ServiceDriver


async def test_idle(driver: ServiceDriver, services: Services) -> None:
    """A device for which nothing waits is idle, and gets nothing."""
    assert services.polling.is_idle(DEVICE)
    assert await driver.poll() is None


async def test_command(driver: ServiceDriver, services: Services) -> None:
    """A device is handed its command with a delivery that knows who asked."""
    (command,) = await driver.enqueue("reboot")
    assert not services.polling.is_idle(DEVICE)

    in_flight = await driver.poll("u1")

    assert in_flight is not None
    assert order("reboot") == in_flight.command.order
    assert services.polling.is_idle(DEVICE)
    record = await driver.command_record(command)
    (delivery,) = record.deliveries
    assert (CommandState.SENT, "u1", "192.0.2.7", START) == (
        record.command.state,
        delivery.uuid,
        delivery.address,
        delivery.sent_at,
    )


async def test_written(
    driver: ServiceDriver, services: Services, clock: ManualClock
) -> None:
    """A written command is DELIVERED from then on, which is recorded a moment later."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command()
    clock.tick(3)

    assert 1 == await services.polling.record_written()
    assert 0 == await services.polling.record_written()
    record = await driver.command_record(command)
    assert (CommandState.DELIVERED, START, START) == (
        record.command.state,
        record.command.delivered_at,
        record.deliveries[0].delivered_at,
    )


async def test_written_and_not_followed(
    driver: ServiceDriver, services: Services
) -> None:
    """What nobody is told of is recorded only if no result comes for a while."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command()

    recorded = [
        await services.polling.record_followed(),
        await services.polling.record_older(),
        await services.polling.record_older(),
    ]

    assert [0, 0, 1] == recorded
    assert CommandState.DELIVERED is await driver.command_state(command)


async def test_written_and_followed(driver: ServiceDriver, services: Services) -> None:
    """What somebody is told of is recorded with the next look."""
    await driver.enqueue("reboot")
    types = frozenset({EventType.COMMAND_STATUS})
    services.store.event_interest[DEFAULT_SCOPE_ID] = types
    await driver.receive_command()

    assert 1 == await services.polling.record_followed()


async def test_written_and_answered(driver: ServiceDriver, services: Services) -> None:
    """After the result nothing is left to record."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")
    await driver.post_result(uuid="u1")

    assert 0 == await services.polling.record_written()
    assert CommandState.SUCCESSFUL is await driver.command_state(command)


async def test_written_with_the_store_away(
    driver: ServiceDriver, services: Services
) -> None:
    """A delivery that could not be recorded is recorded when the store is back."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command()
    async with driver.failing_commits():
        await asyncio.gather(services.polling.record_written(), return_exceptions=True)

    await services.polling.record_written()

    assert CommandState.DELIVERED is await driver.command_state(command)


async def test_lost(driver: ServiceDriver, services: Services) -> None:
    """A hand-out to a device that was gone is undone and no attempt."""
    (command,) = await driver.enqueue("execute_actions")
    in_flight = await driver.poll("u1")
    assert in_flight is not None

    services.lanes.requeue([in_flight])
    await driver.run_until_idle()

    record = await driver.command_record(command)
    assert (CommandState.PENDING, 0) == (record.command.state, record.command.attempts)
    assert command.id == (await driver.receive_command("u2")).command.id


async def test_gone_before(driver: ServiceDriver) -> None:
    """Nothing is handed out to a device that is gone."""
    (command,) = await driver.enqueue("execute_actions")

    assert await driver.poll(connection=Connection(is_open=False)) is None
    assert CommandState.PENDING is await driver.command_state(command)
    assert command.id == (await driver.receive_command()).command.id


async def test_canceled_poll(driver: ServiceDriver) -> None:
    """A poll that is broken off while its hand-out is committed gives it back."""
    (command,) = await driver.enqueue("execute_actions")
    poll = asyncio.create_task(driver.poll("u1"))
    await driver.wait_for_decision()
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    await driver.run_until_idle()

    record = await driver.command_record(command)
    assert (CommandState.PENDING, 0) == (record.command.state, record.command.attempts)
    assert command.id == (await driver.receive_command("u2")).command.id


async def test_store_away(driver: ServiceDriver) -> None:
    """With the store away a device gets nothing, and its command when it is back."""
    (command,) = await driver.enqueue("execute_actions")
    async with driver.failing_commits():
        assert await driver.poll("u1") is None
        assert await driver.poll("u2") is None

    assert command.id == (await driver.receive_command("u3")).command.id
    assert CommandState.SENT is await driver.command_state(command)


async def test_broken_off(driver: ServiceDriver, services: Services) -> None:
    """A held poll that breaks off leaves nothing behind."""
    async with driver.held_poll("u1"):
        assert 1 == len(services.holds)

    assert 0 == len(services.holds)


async def test_twenty_at_once(driver: ServiceDriver) -> None:
    """Of twenty polls at once one is given the command."""
    await driver.enqueue("execute_actions")

    deliveries = await asyncio.gather(*(driver.poll(f"u{n}") for n in range(20)))

    assert 1 == sum(in_flight is not None for in_flight in deliveries)
