"""A server that starts again finds everything as it was, whatever was going on."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.ids import IdSource
from pushserver.model.state import State
from pushserver.storage.deciding import Recall
from tests.clock import START, ManualClock
from tests.model.values import (
    DEVICE,
    GRACE,
    TIMEOUT,
    command,
    once,
    order,
    result,
)
from tests.storage.deeds import (
    abandon,
    ask,
    call_off,
    enqueue,
    fly,
    lane_of,
    post,
    recall,
    record_of,
    report,
    take_back,
    tend,
    waiting,
    written,
)
from tests.storage.places import Place, opened

LATER = START + GRACE


async def test_empty(place: Place, clock: ManualClock) -> None:
    """A store in which nothing was kept is empty again."""
    async with opened(place, clock):
        pass

    async with opened(place, clock) as store:
        assert store.lane(DEVICE) is None


async def test_pending(place: Place, clock: ManualClock) -> None:
    """What waits is handed out in the order of before."""
    commands = [command(priority=p) for p in (0, 5, 0, -5, 5)]
    async with opened(place, clock) as store:
        await enqueue(store, *commands)
        before = await waiting(store)

    async with opened(place, clock) as store:
        assert before == await waiting(store)
        first = await fly(store)

    assert commands[1].id == first.command.id


async def test_pending_has_its_order(place: Place, clock: ManualClock) -> None:
    """What waits can be ordered after a restart."""
    wanted = command()
    async with opened(place, clock) as store:
        await enqueue(store, wanted)

    async with opened(place, clock) as store:
        flight = await fly(store)

        assert order() == (flight.command.order or await store.order(wanted.id))


@pytest.mark.parametrize("was_written", [False, True])
async def test_in_flight(place: Place, clock: ManualClock, was_written: bool) -> None:
    """What was with its device still is, and the grace runs as before."""
    door = once()
    async with opened(place, clock) as store:
        await enqueue(store, door, once())
        flight = await fly(store, START, uuid="u1")
        if was_written:
            await written(store, flight, START + SECOND)
    since = START + SECOND * was_written

    async with opened(place, clock) as store:
        lane = await lane_of(store)
        assert lane.flight is not None
        assert (door.id, "u1") == (lane.flight.command.id, lane.flight.delivery.uuid)
        assert since + GRACE == lane.flight.grace_until(GRACE)
        assert since + TIMEOUT == lane.next_deadline()
        assert await ask(store, since + GRACE - 1) is None
        following = await fly(store, since + GRACE)

        assert door.id != following.command.id
        assert State.TIMEOUT is (await record_of(store, door)).command.state


async def test_result_after_restart(place: Place, clock: ManualClock) -> None:
    """The result of what was in flight ends it."""
    wanted = command()
    async with opened(place, clock) as store:
        await enqueue(store, wanted)
        await fly(store)

    async with opened(place, clock) as store:
        lane = await lane_of(store)
        assert lane.flight is not None
        await report(store, lane.flight, LATER)

        assert State.SUCCESSFUL is (await record_of(store, wanted)).command.state
        assert [] == await waiting(store)


async def test_waiting_again(place: Place, clock: ManualClock) -> None:
    """What waits for another attempt keeps its attempts and may not be canceled."""
    wanted = command(max_attempts=2)
    async with opened(place, clock) as store:
        await enqueue(store, wanted)
        await fly(store, uuid="u1")
        await abandon(store, LATER)

    async with opened(place, clock) as store:
        assert not await call_off(store, wanted)
        flight = await fly(store, LATER, uuid="u2")

        assert (wanted.id, 2) == (flight.command.id, flight.command.attempts)
        assert await ask(store, LATER + GRACE) is None
        record = await record_of(store, wanted)
        assert (State.TIMEOUT, 2) == (record.command.state, len(record.deliveries))


async def test_withdrawn(place: Place, clock: ManualClock) -> None:
    """What was taken back waits as if nothing had been."""
    door = once()
    async with opened(place, clock) as store:
        await enqueue(store, door)
        await take_back(store, await fly(store))

    async with opened(place, clock) as store:
        flight = await fly(store, LATER)

        assert (door.id, 1) == (flight.command.id, flight.command.attempts)


async def test_ended(place: Place, clock: ManualClock) -> None:
    """What has ended does not come back, and is not in memory."""
    first, second, third, fourth = once(), once("reboot"), command(), command()
    async with opened(place, clock) as store:
        await enqueue(store, first)
        await report(store, await fly(store))
        await enqueue(store, second)
        await fly(store, uuid="u1")
        await tend(store, START + TIMEOUT)
        await enqueue(store, third)
        await call_off(store, third)
        await enqueue(store, fourth)
        await tend(store, fourth.expires_at)

    async with opened(place, clock) as store:
        assert store.lane(DEVICE) is None
        states = [
            (await record_of(store, one)).command.state
            for one in (first, second, third, fourth)
        ]

    assert [
        State.SUCCESSFUL,
        State.TIMEOUT,
        State.CANCELED,
        State.EXPIRED,
    ] == states


async def test_late_result(place: Place, clock: ManualClock) -> None:
    """What is TIMEOUT can be found by its delivery, and mended."""
    door = once()
    async with opened(place, clock) as store:
        await enqueue(store, door)
        await fly(store, uuid="u1")
        await abandon(store, LATER)

    async with opened(place, clock) as store:
        by_uuid = (await recall(store, Recall(uuid="u1", given_up=True))).by_uuid
        given_up = (await recall(store, Recall(given_up=True))).given_up

    assert by_uuid is not None
    assert given_up is not None
    assert door.id == by_uuid.command.id == given_up.command.id
    assert State.TIMEOUT is by_uuid.command.stored


@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_held_back(place: Place, clock: ManualClock, uuid: str | None) -> None:
    """An endpoint of which a late result may come is held back for as long."""
    first, second = once(), once()
    async with opened(place, clock) as store:
        await enqueue(store, first, second)
        flight = await fly(store, uuid=uuid)
        flight.written_at = START + SECOND
        await abandon(store, LATER)
    clock.tick(seconds=GRACE / SECOND)

    async with opened(place, clock) as store:
        early = await ask(store, START + SECOND + TIMEOUT - 1)
        if uuid is None:
            assert early is None
            early = await ask(store, START + SECOND + TIMEOUT)

        assert early is not None
        assert second.id == early.command.id


async def test_held_back_after_closing(place: Place, clock: ManualClock) -> None:
    """So is that of a delivery which an earlier one's result has closed."""
    first, second = command(), command()
    async with opened(place, clock) as store:
        await enqueue(store, first, second)
        flight = await fly(store)
        await abandon(store, LATER)
        await fly(store, LATER)
        await report(store, flight, LATER + 1)
    clock.tick(seconds=GRACE / SECOND)

    async with opened(place, clock) as store:
        assert await ask(store, LATER + TIMEOUT - 1) is None
        assert second.id == (await fly(store, LATER + TIMEOUT)).command.id


async def test_held_back_no_more(place: Place, clock: ManualClock) -> None:
    """When the time is over nothing is held back, and nothing in memory."""
    async with opened(place, clock) as store:
        await enqueue(store, once())
        await fly(store)
        await abandon(store, LATER)
    clock.tick(seconds=TIMEOUT / SECOND)

    async with opened(place, clock) as store:
        assert store.lane(DEVICE) is None


async def test_ids_go_on(place: Place, clock: ManualClock) -> None:
    """Ids made after a restart are above all before, though the clock went back."""
    ids = IdSource(clock.now)
    wanted, came = command(id=ids()), result(id=ids())
    async with opened(place, clock) as store:
        await enqueue(store, wanted)
        await post(store, came)
    clock.tick(seconds=-3600)

    async with opened(place, clock) as store:
        assert store.new_id() > came.id


async def test_deliveries_count(place: Place, clock: ManualClock) -> None:
    """The largest id may be a delivery's."""
    async with opened(place, clock) as store:
        await enqueue(store, command())
        flight = await fly(store)

    async with opened(place, clock) as store:
        assert flight.delivery.id < store.new_id()


async def test_deadlines(place: Place, clock: ManualClock) -> None:
    """After a restart what is due is done without anybody asking."""
    async with opened(place, clock) as store:
        await enqueue(store, command(device_id=1, expires_at=START + 30 * SECOND))
        await enqueue(store, command(device_id=2))
        await ask(store, device=2)

    async with opened(place, clock) as store:
        assert [] == list(await store.overdue(START + 30 * SECOND - 1))
        assert [1] == list(await store.overdue(START + 30 * SECOND))
        await tend(store, START + 30 * SECOND, device=1)
        assert [2] == list(await store.overdue(START + TIMEOUT))
