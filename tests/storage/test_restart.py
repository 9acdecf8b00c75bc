"""A server that starts again finds everything as it was, whatever was going on."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.ids import IdGenerator
from pushserver.model.state import CommandState
from pushserver.storage.commands import Lookup
from tests.clock import START, ManualClock
from tests.model.factories import (
    DEVICE,
    GRACE,
    TIMEOUT,
    at_most_once_command,
    command,
    order,
    result,
)
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    expire_overdue,
    get_lane,
    give_up_delivery,
    mark_written,
    poll,
    poll_command,
    post_result,
    prior_state,
    revert_delivery,
    try_cancel,
    waiting_ids,
)

LATER = START + GRACE


async def test_empty(location: StoreLocation, clock: ManualClock) -> None:
    """A store in which nothing was stored is empty again."""
    async with open_store(location, clock):
        pass

    async with open_store(location, clock) as store:
        assert store.cached_lane(DEVICE) is None


async def test_pending(location: StoreLocation, clock: ManualClock) -> None:
    """What waits is handed out in the order of before."""
    commands = [command(priority=p) for p in (0, 5, 0, -5, 5)]
    async with open_store(location, clock) as store:
        await enqueue_commands(store, *commands)
        before = await waiting_ids(store)

    async with open_store(location, clock) as store:
        assert before == await waiting_ids(store)
        first = await poll_command(store)

    assert commands[1].id == first.command.id


async def test_pending_has_its_order(
    location: StoreLocation, clock: ManualClock
) -> None:
    """What waits can be ordered after a restart."""
    expected = command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, expected)

    async with open_store(location, clock) as store:
        in_flight = await poll_command(store)

        assert order() == (
            in_flight.command.order or await store.read_order(expected.id)
        )


@pytest.mark.parametrize("was_written", [False, True])
async def test_in_flight(
    location: StoreLocation, clock: ManualClock, was_written: bool
) -> None:
    """What was with its device still is, and the grace runs as before."""
    door = at_most_once_command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, door, at_most_once_command())
        in_flight = await poll_command(store, START, uuid="u1")
        if was_written:
            await mark_written(store, in_flight, START + SECOND)
    since = START + SECOND * was_written

    async with open_store(location, clock) as store:
        lane = await get_lane(store)
        assert lane.in_flight is not None
        assert (door.id, "u1") == (
            lane.in_flight.command.id,
            lane.in_flight.delivery.uuid,
        )
        assert since + GRACE == lane.in_flight.grace_ends_at(GRACE)
        assert since + TIMEOUT == lane.next_deadline_at()
        assert await poll(store, since + GRACE - 1) is None
        following = await poll_command(store, since + GRACE)

        assert door.id != following.command.id
        assert CommandState.TIMEOUT is (await command_record(store, door)).command.state


async def test_result_after_restart(
    location: StoreLocation, clock: ManualClock
) -> None:
    """The result of what was in flight ends it."""
    expected = command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, expected)
        await poll_command(store)

    async with open_store(location, clock) as store:
        lane = await get_lane(store)
        assert lane.in_flight is not None
        await post_result(store, lane.in_flight, LATER)

        assert (
            CommandState.SUCCESSFUL
            is (await command_record(store, expected)).command.state
        )
        assert [] == await waiting_ids(store)


async def test_waiting_again(location: StoreLocation, clock: ManualClock) -> None:
    """What waits for another attempt keeps its attempts."""
    expected = command(max_attempts=2)
    async with open_store(location, clock) as store:
        await enqueue_commands(store, expected)
        await poll_command(store, uuid="u1")
        await give_up_delivery(store, LATER)

    async with open_store(location, clock) as store:
        in_flight = await poll_command(store, LATER, uuid="u2")

        assert (expected.id, 2) == (in_flight.command.id, in_flight.command.attempts)
        assert await poll(store, LATER + GRACE) is None
        record = await command_record(store, expected)
        assert (CommandState.TIMEOUT, 2) == (
            record.command.state,
            len(record.deliveries),
        )


async def test_taken_back_in_flight(
    location: StoreLocation, clock: ManualClock
) -> None:
    """What was taken back in flight is not tried again after a restart."""
    expected = command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, expected)
        await poll_command(store, uuid="u1")
        assert await try_cancel(store, expected)

    async with open_store(location, clock) as store:
        await give_up_delivery(store, LATER)

        assert await poll(store, LATER) is None
        record = await command_record(store, expected)
        assert (CommandState.TIMEOUT, True) == (
            record.command.state,
            record.command.withdrawn,
        )


async def test_withdrawn(location: StoreLocation, clock: ManualClock) -> None:
    """What was taken back waits as if nothing had been."""
    door = at_most_once_command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, door)
        await revert_delivery(store, await poll_command(store))

    async with open_store(location, clock) as store:
        in_flight = await poll_command(store, LATER)

        assert (door.id, 1) == (in_flight.command.id, in_flight.command.attempts)


async def test_ended(location: StoreLocation, clock: ManualClock) -> None:
    """What has ended does not come back, and is not in memory."""
    first, second, third, fourth = (
        at_most_once_command(),
        at_most_once_command("reboot"),
        command(),
        command(),
    )
    async with open_store(location, clock) as store:
        await enqueue_commands(store, first)
        await post_result(store, await poll_command(store))
        await enqueue_commands(store, second)
        await poll_command(store, uuid="u1")
        await expire_overdue(store, START + TIMEOUT)
        await enqueue_commands(store, third)
        await try_cancel(store, third)
        await enqueue_commands(store, fourth)
        await expire_overdue(store, fourth.expires_at)

    async with open_store(location, clock) as store:
        assert store.cached_lane(DEVICE) is None
        states = [
            (await command_record(store, one)).command.state
            for one in (first, second, third, fourth)
        ]

    assert [
        CommandState.SUCCESSFUL,
        CommandState.TIMEOUT,
        CommandState.CANCELED,
        CommandState.EXPIRED,
    ] == states


async def test_late_result(location: StoreLocation, clock: ManualClock) -> None:
    """A TIMEOUT command can be found by its delivery, and corrected."""
    door = at_most_once_command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, door)
        await poll_command(store, uuid="u1")
        await give_up_delivery(store, LATER)

    async with open_store(location, clock) as store:
        by_uuid = (
            await prior_state(store, Lookup(delivery_uuid="u1", last_given_up=True))
        ).by_uuid
        given_up = (await prior_state(store, Lookup(last_given_up=True))).last_given_up

    assert by_uuid is not None
    assert given_up is not None
    assert door.id == by_uuid.command.id == given_up.command.id
    assert CommandState.TIMEOUT is by_uuid.command.stored_state


@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_held_back(
    location: StoreLocation, clock: ManualClock, uuid: str | None
) -> None:
    """An endpoint of which a late result may come is held back for as long."""
    first, second = at_most_once_command(), at_most_once_command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, first, second)
        in_flight = await poll_command(store, uuid=uuid)
        in_flight.written_at = START + SECOND
        await give_up_delivery(store, LATER)
    clock.tick(seconds=GRACE / SECOND)

    async with open_store(location, clock) as store:
        early = await poll(store, START + SECOND + TIMEOUT - 1)
        if uuid is None:
            assert early is None
            early = await poll(store, START + SECOND + TIMEOUT)

        assert early is not None
        assert second.id == early.command.id


async def test_held_back_after_closing(
    location: StoreLocation, clock: ManualClock
) -> None:
    """So is that of a delivery which an earlier one's result has closed."""
    first, second = command(), command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, first, second)
        in_flight = await poll_command(store)
        await give_up_delivery(store, LATER)
        await poll_command(store, LATER)
        await post_result(store, in_flight, LATER + 1)
    clock.tick(seconds=GRACE / SECOND)

    async with open_store(location, clock) as store:
        assert await poll(store, LATER + TIMEOUT - 1) is None
        assert second.id == (await poll_command(store, LATER + TIMEOUT)).command.id


async def test_held_back_no_more(location: StoreLocation, clock: ManualClock) -> None:
    """When the time is over nothing is held back, and nothing in memory."""
    async with open_store(location, clock) as store:
        await enqueue_commands(store, at_most_once_command())
        await poll_command(store)
        await give_up_delivery(store, LATER)
    clock.tick(seconds=TIMEOUT / SECOND)

    async with open_store(location, clock) as store:
        assert store.cached_lane(DEVICE) is None


async def test_ids_go_on(location: StoreLocation, clock: ManualClock) -> None:
    """Ids made after a restart are above all before, though the clock went back."""
    ids = IdGenerator(clock.now)
    expected, came = command(id=ids()), result(id=ids())
    async with open_store(location, clock) as store:
        await enqueue_commands(store, expected)
        await add_results(store, came)
    clock.tick(seconds=-3600)

    async with open_store(location, clock) as store:
        assert store.new_id() > came.id


async def test_deliveries_count(location: StoreLocation, clock: ManualClock) -> None:
    """The largest id may be a delivery's."""
    async with open_store(location, clock) as store:
        await enqueue_commands(store, command())
        in_flight = await poll_command(store)

    async with open_store(location, clock) as store:
        assert in_flight.delivery.id < store.new_id()


async def test_deadlines(location: StoreLocation, clock: ManualClock) -> None:
    """After a restart what is due is done without anybody asking."""
    async with open_store(location, clock) as store:
        await enqueue_commands(
            store, command(device_id=1, expires_at=START + 30 * SECOND)
        )
        await enqueue_commands(store, command(device_id=2))
        await poll(store, device=2)

    async with open_store(location, clock) as store:
        assert [] == list(await store.overdue_devices(START + 30 * SECOND - 1))
        assert [1] == list(await store.overdue_devices(START + 30 * SECOND))
        await expire_overdue(store, START + 30 * SECOND, device=1)
        assert [2] == list(await store.overdue_devices(START + TIMEOUT))
