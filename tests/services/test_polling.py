"""Polls: answered at once, held, woken, taken back."""

import asyncio

from pushserver.model.state import State
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.values import DEVICE, order
from tests.services.desk import Desk, Peer


async def test_idle(desk: Desk, services: Services) -> None:
    """A device for which nothing waits is idle, and gets nothing."""
    assert services.polling.is_idle(DEVICE)
    assert await desk.poll() is None


async def test_command(desk: Desk, services: Services) -> None:
    """A device is handed its command with a delivery that knows who asked."""
    (wanted,) = await desk.enqueue("reboot")
    assert not services.polling.is_idle(DEVICE)

    flight = await desk.poll("u1")

    assert flight is not None
    assert order("reboot") == await services.polling.order(flight)
    assert services.polling.is_idle(DEVICE)
    record = await desk.record(wanted)
    (delivery,) = record.deliveries
    assert (State.SENT, "u1", "192.0.2.7", START) == (
        record.command.state,
        delivery.uuid,
        delivery.address,
        delivery.sent_at,
    )


async def test_written(desk: Desk, services: Services, clock: ManualClock) -> None:
    """What was written is DELIVERED from then on, recorded a moment later."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly()
    clock.tick(3)

    assert 1 == await services.polling.record()
    assert 0 == await services.polling.record()
    record = await desk.record(wanted)
    assert (State.DELIVERED, START, START) == (
        record.command.state,
        record.command.delivered_at,
        record.deliveries[0].delivered_at,
    )


async def test_written_and_answered(desk: Desk, services: Services) -> None:
    """After the result nothing is left to record."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly("u1")
    await desk.report(uuid="u1")

    assert 0 == await services.polling.record()
    assert State.SUCCESSFUL is await desk.state(wanted)


async def test_written_with_the_store_away(desk: Desk, services: Services) -> None:
    """What could not be recorded is recorded when the store is back."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly()
    async with desk.store_away():
        await asyncio.gather(services.polling.record(), return_exceptions=True)

    await services.polling.record()

    assert State.DELIVERED is await desk.state(wanted)


async def test_lost(desk: Desk, services: Services) -> None:
    """A hand-out to a device that was gone is undone and no attempt."""
    (wanted,) = await desk.enqueue("execute_actions")
    flight = await desk.poll("u1")
    assert flight is not None

    services.polling.lost(flight)
    await desk.rest()

    record = await desk.record(wanted)
    assert (State.PENDING, 0) == (record.command.state, record.command.attempts)
    assert wanted.id == (await desk.fly("u2")).command.id


async def test_gone_before(desk: Desk) -> None:
    """Nothing is handed out to a device that is gone."""
    (wanted,) = await desk.enqueue("execute_actions")

    assert await desk.poll(peer=Peer(is_there=False)) is None
    assert State.PENDING is await desk.state(wanted)
    assert wanted.id == (await desk.fly()).command.id


async def test_canceled_poll(desk: Desk) -> None:
    """A poll that is broken off while its hand-out is committed gives it back."""
    (wanted,) = await desk.enqueue("execute_actions")
    poll = asyncio.create_task(desk.poll("u1"))
    await desk.decided()
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    await desk.rest()

    record = await desk.record(wanted)
    assert (State.PENDING, 0) == (record.command.state, record.command.attempts)
    assert wanted.id == (await desk.fly("u2")).command.id


async def test_store_away(desk: Desk) -> None:
    """With the store away a device gets nothing, and its command when it is back."""
    (wanted,) = await desk.enqueue("execute_actions")
    async with desk.store_away():
        assert await desk.poll("u1") is None
        assert await desk.poll("u2") is None

    assert wanted.id == (await desk.fly("u3")).command.id
    assert State.SENT is await desk.state(wanted)


async def test_broken_off(desk: Desk, services: Services) -> None:
    """A held poll that breaks off leaves nothing behind."""
    async with desk.held("u1"):
        assert 1 == len(services.holds)

    assert 0 == len(services.holds)


async def test_twenty_at_once(desk: Desk) -> None:
    """Of twenty polls at once one is given the command."""
    await desk.enqueue("execute_actions")

    flights = await asyncio.gather(*(desk.poll(f"u{n}") for n in range(20)))

    assert 1 == sum(flight is not None for flight in flights)
