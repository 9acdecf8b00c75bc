"""Polls that wait: who is answered, when, and by what."""

import asyncio

import pytest

from pushserver.clock import SECOND
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.command import DeliveryOutcome
from pushserver.model.event import EventType
from pushserver.model.in_flight import InFlight
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.events import command_payloads
from tests.services.driver import Connection, ServiceDriver
from tests.storage.notice_recorder import record_notices


@pytest.fixture(name="commits")
def _commits(services: Services) -> list[ChangeNotice]:
    """Return a list that gets a notice of every commit in which commands move."""
    services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
    return record_notices(services.store).notices


async def test_held_until_enqueued(
    driver: ServiceDriver, commits: list[ChangeNotice]
) -> None:
    """A held poll is answered the moment a command comes, in the same commit."""
    async with driver.held_poll("u1") as poll:
        (command,) = await driver.enqueue("execute_actions")
        in_flight = await poll

    assert in_flight is not None
    assert (command.id, "u1") == (in_flight.command.id, in_flight.delivery.uuid)
    (commit,) = commits
    assert [CommandState.PENDING, CommandState.SENT] == [
        each.state for each in command_payloads(commit.new_events)
    ]
    assert CommandState.SENT is await driver.command_state(command)


async def test_held_gets_one(driver: ServiceDriver) -> None:
    """A held poll gets one of several commands, the best."""
    async with driver.held_poll("u1") as poll:
        first, second = await driver.enqueue("load_objects", "reboot")
        in_flight = await poll

    assert in_flight is not None
    assert first.id == in_flight.command.id
    assert CommandState.PENDING is await driver.command_state(second)


async def test_held_gets_one_of_two_enqueues(driver: ServiceDriver) -> None:
    """Of two enqueues in one commit the first answers the held poll."""
    async with driver.held_poll("u1") as poll:
        (first,), (second,) = await asyncio.gather(
            driver.enqueue("reboot"), driver.enqueue("load_objects")
        )
        in_flight = await poll

    assert in_flight is not None
    assert first.id == in_flight.command.id
    assert CommandState.PENDING is await driver.command_state(second)


async def test_held_and_gone(driver: ServiceDriver) -> None:
    """A held poll whose device has gone gets nothing; the command waits."""
    peer = Connection()
    async with driver.held_poll("u1", connection=peer) as poll:
        peer.is_open = False
        (command,) = await driver.enqueue("execute_actions")
        await driver.run_until_idle()

        assert not poll.done() or await poll is None
    assert CommandState.PENDING is await driver.command_state(command)
    assert command.id == (await driver.receive_command("u2")).command.id


async def test_held_and_broken_off(driver: ServiceDriver) -> None:
    """A held poll that breaks off while it is being answered gives the command back."""
    async with driver.held_poll("u1") as poll:
        enqueuing = asyncio.create_task(driver.enqueue("execute_actions"))
        await driver.wait_for_decision()
        poll.cancel()
        (command,) = await enqueuing
        await driver.run_until_idle()

    record = await driver.command_record(command)
    assert (CommandState.PENDING, 0) == (record.command.state, record.command.attempts)
    assert DeliveryOutcome.NOT_WRITTEN in [d.outcome for d in record.deliveries]
    assert command.id == (await driver.receive_command("u2")).command.id


async def test_held_with_the_store_away(driver: ServiceDriver) -> None:
    """A poll stays held when an enqueue could not be stored."""
    async with driver.held_poll("u1") as poll:
        async with driver.failing_commits():
            await asyncio.gather(driver.enqueue("reboot"), return_exceptions=True)
        await driver.run_until_idle()
        assert not poll.done()

        (command,) = await driver.enqueue("load_objects")
        in_flight = await poll

    assert in_flight is not None
    assert command.id == in_flight.command.id


async def test_newest_wins(driver: ServiceDriver, services: Services) -> None:
    """The newest poll of a device wins; the older one is answered empty."""
    async with driver.held_poll("u1") as older, driver.held_poll("u2") as newer:
        assert await older is None
        assert 1 == len(services.holds)

        await driver.enqueue("reboot")
        in_flight = await newer

    assert in_flight is not None
    assert "u2" == in_flight.delivery.uuid


async def test_newest_wins_without_hold(driver: ServiceDriver) -> None:
    """A newer poll that is not held itself sends the older one away."""
    async with driver.held_poll("u1") as older:
        assert await driver.poll("u2") is None

        assert await older is None


async def test_newest_wins_with_a_command(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """A newer poll that is given a command sends the older one away, too."""
    async with driver.held_poll("u1") as older:
        await driver.enqueue("reboot", not_before=START + 9 * SECOND)
        await driver.run_until_idle()
        clock.tick(9)

        newer = await driver.poll("u2")
        await driver.run_until_idle()

        assert newer is not None
        assert older.done()
        assert await older is None


async def test_newest_wins_amid(driver: ServiceDriver) -> None:
    """A newer poll that comes while the older one is being answered loses nothing."""
    async with driver.held_poll("u1") as older:
        enqueuing = asyncio.create_task(driver.enqueue("execute_actions"))
        await driver.wait_for_decision()
        newer = asyncio.create_task(driver.poll("u2", hold=20))
        (command,) = await enqueuing
        async with asyncio.timeout(15):
            while not any(t.done() and t.result() for t in (older, newer)):
                await driver.run_until_idle()
        newer.cancel()
        polls = await asyncio.gather(older, newer, return_exceptions=True)

    handed_out = [in_flight for in_flight in polls if isinstance(in_flight, InFlight)]
    assert [command.id] == [in_flight.command.id for in_flight in handed_out]
    assert 1 == (await driver.command_record(command)).command.attempts


async def test_devices_are_apart(driver: ServiceDriver) -> None:
    """A command wakes its own device."""
    async with driver.held_poll("u1") as poll:
        await driver.enqueue("reboot", device=5)
        await driver.run_until_idle()

        assert not poll.done()


async def test_not_before_wakes(driver: ServiceDriver, clock: ManualClock) -> None:
    """A held poll is answered when a command's time comes."""
    async with driver.held_poll("u1") as poll:
        soon = START + SECOND // 50
        (command,) = await driver.enqueue("reboot", not_before=soon)
        await driver.run_until_idle()
        assert not poll.done()

        clock.tick(1)
        async with asyncio.timeout(15):
            in_flight = await poll

    assert in_flight is not None
    assert command.id == in_flight.command.id


async def test_answer_wakes(driver: ServiceDriver) -> None:
    """A poll that is held while a command is in flight gets the next one."""
    _, following = await driver.enqueue("reboot", "load_objects")
    await driver.receive_command("u1")
    async with driver.held_poll("u2") as poll:
        assert not poll.done()

        await driver.post_result(uuid="u1")
        in_flight = await poll

    assert in_flight is not None
    assert following.id == in_flight.command.id


async def test_grace_in_a_held_poll(driver: ServiceDriver, clock: ManualClock) -> None:
    """A held poll waits through the grace and is then answered."""
    (command,) = await driver.enqueue("load_objects")
    await driver.receive_command("u1")
    clock.tick(4.98)
    async with driver.held_poll("u2") as poll:
        assert not poll.done()

        clock.tick(0.02)
        async with asyncio.timeout(15):
            in_flight = await poll

    assert in_flight is not None
    assert (command.id, 2) == (in_flight.command.id, in_flight.command.attempts)


async def test_taken_back_wakes(driver: ServiceDriver, services: Services) -> None:
    """A withdrawn command goes to the poll that is held by then."""
    (command,) = await driver.enqueue("execute_actions")
    lost = await driver.poll("u1")
    assert lost is not None
    async with driver.held_poll("u2") as poll:
        services.lanes.requeue([lost])
        in_flight = await poll

    assert in_flight is not None
    assert (command.id, 1) == (in_flight.command.id, in_flight.command.attempts)


async def test_hold_ends(
    driver: ServiceDriver, clock: ManualClock, services: Services
) -> None:
    """When the hold is over the poll is answered empty."""
    async with driver.held_poll("u1", hold=0.02) as poll:
        clock.tick(1)
        async with asyncio.timeout(15):
            assert await poll is None
    assert 0 == len(services.holds)


async def test_closing(driver: ServiceDriver, services: Services) -> None:
    """A server that stops answers held polls empty and holds no others."""
    async with (
        driver.held_poll("u1") as poll,
        driver.held_poll("u5", device=5) as other,
    ):
        services.holds.close()

        assert await poll is None
        assert await other is None
    assert await driver.poll("u2", hold=20) is None
    assert 0 == len(services.holds)


async def test_closing_still_hands_out(
    driver: ServiceDriver, services: Services
) -> None:
    """A server that stops still hands out what waits."""
    await driver.enqueue("reboot")
    services.holds.close()

    assert await driver.poll("u1", hold=20) is not None
