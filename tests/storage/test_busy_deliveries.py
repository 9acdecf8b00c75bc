"""Deliveries whose answer or result is on its way: the store says until when."""

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.transfers import VOUCH_FOR, keep_busy
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE, TIMEOUT, at_most_once_command
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import (
    enqueue_commands,
    expire_overdue,
    find_in_flight,
    give_up_delivery,
    mark_written,
    poll_command,
)


async def vouch(store: Store, until: int) -> None:
    """Say that what is in flight is busy until then."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        keep_busy(lane, lambda _: True, until, changes)

    await store.change_lane(DEVICE, decide)


async def timeout_starts_at(store: Store) -> int:
    """Return from when the time of what is in flight runs."""
    in_flight = await find_in_flight(store)
    assert in_flight is not None
    return in_flight.timeout_starts_at


async def test_survives(location: StoreLocation, clock: ManualClock) -> None:
    """After a restart the time still runs from then, and is over after it."""
    until = START + 20 * SECOND
    async with open_store(location, clock) as store:
        await enqueue_commands(store, at_most_once_command())
        await poll_command(store)
        await vouch(store, until)

    async with open_store(location, clock) as store:
        assert until == await timeout_starts_at(store)
        assert [] == list(await store.overdue_devices(until + TIMEOUT - 1))
        await expire_overdue(store, until + TIMEOUT - 1)
        assert await find_in_flight(store) is not None
        assert [DEVICE] == list(await store.overdue_devices(until + TIMEOUT))
        await expire_overdue(store, until + TIMEOUT)
        assert await find_in_flight(store) is None


async def test_written(store: Store) -> None:
    """What was vouched for because of the answer ends with its last byte."""
    await enqueue_commands(store, at_most_once_command())
    in_flight = await poll_command(store)
    await vouch(store, START + VOUCH_FOR)
    await mark_written(store, in_flight, START + SECOND)

    assert START + SECOND == await timeout_starts_at(store)


async def test_written_and_answered_elsewhere(store: Store) -> None:
    """What was vouched for later, because of a result, does not."""
    await enqueue_commands(store, at_most_once_command())
    in_flight = await poll_command(store)
    await vouch(store, START + 2 * SECOND + VOUCH_FOR)
    await mark_written(store, in_flight, START + SECOND)

    assert START + 2 * SECOND + VOUCH_FOR == await timeout_starts_at(store)


async def test_given_up(location: StoreLocation, clock: ManualClock) -> None:
    """What is given up holds its endpoint back from then on, also after a restart."""
    until = START + 20 * SECOND
    door = at_most_once_command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, door)
        await poll_command(store)
        await vouch(store, until)
        await give_up_delivery(store, until)
        await enqueue_commands(store, at_most_once_command())

    async with open_store(location, clock) as store:
        lane = await store.change_lane(DEVICE, lambda lane, _changes, _prior: lane)

    assert {door.endpoint: (door.id, until + TIMEOUT)} == lane.blocked_endpoints
