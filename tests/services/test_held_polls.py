"""Polls that wait: who is answered, when, and by what."""

import asyncio

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Outcome
from pushserver.model.lane import Flight
from pushserver.model.state import State, Turn
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.services.desk import Desk, Peer


@pytest.fixture(name="commits")
def _commits(services: Services) -> list[Changes]:
    """Return a list that gets the changes of every commit."""
    commits: list[Changes] = []
    services.store.watch(commits.append)
    return commits


async def test_held_until_enqueued(desk: Desk, commits: list[Changes]) -> None:
    """A held poll is answered the moment a command comes, in the same commit."""
    async with desk.held("u1") as poll:
        (wanted,) = await desk.enqueue("execute_actions")
        flight = await poll

    assert flight is not None
    assert (wanted.id, "u1") == (flight.command.id, flight.delivery.uuid)
    (commit,) = [one for one in commits if one.added]
    assert [Turn.HAND_OUT] == [move.turn for move in commit.moves]
    assert State.SENT is await desk.state(wanted)


async def test_held_gets_one(desk: Desk) -> None:
    """A held poll gets one of several commands, the best."""
    async with desk.held("u1") as poll:
        first, second = await desk.enqueue("load_objects", "reboot")
        flight = await poll

    assert flight is not None
    assert first.id == flight.command.id
    assert State.PENDING is await desk.state(second)


async def test_held_gets_one_of_two_enqueues(desk: Desk) -> None:
    """Of two enqueues in one commit the first answers the held poll."""
    async with desk.held("u1") as poll:
        (first,), (second,) = await asyncio.gather(
            desk.enqueue("reboot"), desk.enqueue("load_objects")
        )
        flight = await poll

    assert flight is not None
    assert first.id == flight.command.id
    assert State.PENDING is await desk.state(second)


async def test_held_and_gone(desk: Desk) -> None:
    """A held poll whose device has gone gets nothing; the command waits."""
    peer = Peer()
    async with desk.held("u1", peer=peer) as poll:
        peer.is_there = False
        (wanted,) = await desk.enqueue("execute_actions")
        await desk.rest()

        assert not poll.done() or await poll is None
    assert State.PENDING is await desk.state(wanted)
    assert wanted.id == (await desk.fly("u2")).command.id


async def test_held_and_broken_off(desk: Desk) -> None:
    """A held poll that breaks off while it is being answered gives the command back."""
    async with desk.held("u1") as poll:
        enqueuing = asyncio.create_task(desk.enqueue("execute_actions"))
        await desk.decided()
        poll.cancel()
        (wanted,) = await enqueuing
        await desk.rest()

    record = await desk.record(wanted)
    assert (State.PENDING, 0) == (record.command.state, record.command.attempts)
    assert Outcome.NOT_WRITTEN in [d.outcome for d in record.deliveries]
    assert wanted.id == (await desk.fly("u2")).command.id


async def test_held_with_the_store_away(desk: Desk) -> None:
    """A held poll goes on being held when an enqueue could not be kept."""
    async with desk.held("u1") as poll:
        async with desk.store_away():
            await asyncio.gather(desk.enqueue("reboot"), return_exceptions=True)
        await desk.rest()
        assert not poll.done()

        (wanted,) = await desk.enqueue("load_objects")
        flight = await poll

    assert flight is not None
    assert wanted.id == flight.command.id


async def test_newest_wins(desk: Desk, services: Services) -> None:
    """The newest poll of a device wins; the older one is answered empty."""
    async with desk.held("u1") as older, desk.held("u2") as newer:
        assert await older is None
        assert 1 == len(services.holds)

        await desk.enqueue("reboot")
        flight = await newer

    assert flight is not None
    assert "u2" == flight.delivery.uuid


async def test_newest_wins_without_hold(desk: Desk) -> None:
    """A newer poll that is not held itself sends the older one away."""
    async with desk.held("u1") as older:
        assert await desk.poll("u2") is None

        assert await older is None


async def test_newest_wins_with_a_command(desk: Desk, clock: ManualClock) -> None:
    """A newer poll that is given a command sends the older one away, too."""
    async with desk.held("u1") as older:
        await desk.enqueue("reboot", not_before=START + 9 * SECOND)
        await desk.rest()
        clock.tick(9)

        newer = await desk.poll("u2")
        await desk.rest()

        assert newer is not None
        assert older.done()
        assert await older is None


async def test_newest_wins_amid(desk: Desk) -> None:
    """A newer poll that comes while the older one is being answered loses nothing."""
    async with desk.held("u1") as older:
        enqueuing = asyncio.create_task(desk.enqueue("execute_actions"))
        await desk.decided()
        newer = asyncio.create_task(desk.poll("u2", hold=20))
        (wanted,) = await enqueuing
        async with asyncio.timeout(2):
            while not any(t.done() and t.result() for t in (older, newer)):
                await desk.rest()
        newer.cancel()
        polls = await asyncio.gather(older, newer, return_exceptions=True)

    given = [flight for flight in polls if isinstance(flight, Flight)]
    assert [wanted.id] == [flight.command.id for flight in given]
    assert 1 == (await desk.record(wanted)).command.attempts


async def test_devices_are_apart(desk: Desk) -> None:
    """A command wakes its own device."""
    async with desk.held("u1") as poll:
        await desk.enqueue("reboot", device=5)
        await desk.rest()

        assert not poll.done()


async def test_not_before_wakes(desk: Desk, clock: ManualClock) -> None:
    """A held poll is answered when a command's time comes."""
    async with desk.held("u1") as poll:
        soon = START + SECOND // 50
        (wanted,) = await desk.enqueue("reboot", not_before=soon)
        await desk.rest()
        assert not poll.done()

        clock.tick(1)
        async with asyncio.timeout(5):
            flight = await poll

    assert flight is not None
    assert wanted.id == flight.command.id


async def test_answer_wakes(desk: Desk) -> None:
    """A poll that is held while a command is in flight gets the next one."""
    _, following = await desk.enqueue("reboot", "load_objects")
    await desk.fly("u1")
    async with desk.held("u2") as poll:
        assert not poll.done()

        await desk.report(uuid="u1")
        flight = await poll

    assert flight is not None
    assert following.id == flight.command.id


async def test_grace_in_a_held_poll(desk: Desk, clock: ManualClock) -> None:
    """A held poll waits through the grace and is then answered."""
    (wanted,) = await desk.enqueue("load_objects")
    await desk.fly("u1")
    clock.tick(4.98)
    async with desk.held("u2") as poll:
        assert not poll.done()

        clock.tick(0.02)
        async with asyncio.timeout(5):
            flight = await poll

    assert flight is not None
    assert (wanted.id, 2) == (flight.command.id, flight.command.attempts)


async def test_taken_back_wakes(desk: Desk, services: Services) -> None:
    """What was taken back goes to the poll that is held by then."""
    (wanted,) = await desk.enqueue("execute_actions")
    lost = await desk.poll("u1")
    assert lost is not None
    async with desk.held("u2") as poll:
        services.polling.lost(lost)
        flight = await poll

    assert flight is not None
    assert (wanted.id, 1) == (flight.command.id, flight.command.attempts)


async def test_hold_ends(desk: Desk, clock: ManualClock, services: Services) -> None:
    """When the hold is over the poll is answered empty."""
    async with desk.held("u1", hold=0.02) as poll:
        clock.tick(1)
        async with asyncio.timeout(5):
            assert await poll is None
    assert 0 == len(services.holds)


async def test_hold_ends_though_the_clock_went_back(
    desk: Desk, clock: ManualClock
) -> None:
    """A wall clock that goes back holds no poll for longer."""
    async with desk.held("u1", hold=0.02) as poll:
        clock.jump(-3600)
        await desk.upkeep()
        clock.tick(1)
        async with asyncio.timeout(2):
            assert await poll is None


async def test_closing(desk: Desk, services: Services) -> None:
    """A server that stops answers held polls empty and holds no others."""
    async with desk.held("u1") as poll, desk.held("u5", device=5) as other:
        services.holds.close()

        assert await poll is None
        assert await other is None
    assert await desk.poll("u2", hold=20) is None
    assert 0 == len(services.holds)


async def test_closing_still_hands_out(desk: Desk, services: Services) -> None:
    """A server that stops still hands out what waits."""
    await desk.enqueue("reboot")
    services.holds.close()

    assert await desk.poll("u1", hold=20) is not None
