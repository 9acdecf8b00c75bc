"""The store is unavailable: nothing untrue is answered, and afterwards all is well."""

import asyncio

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.command import Delivery
from pushserver.model.device import Device, DeviceState
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.transitions import enqueue
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.history import CommandFilter
from tests.clock import START, ManualClock
from tests.devices import terminal
from tests.model.factories import (
    DEVICE,
    GRACE,
    at_most_once_command,
    command,
    delivery,
    result,
)
from tests.storage.locations import StoreLocation, failing_commits, open_store
from tests.storage.notice_recorder import record_notices
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    find_in_flight,
    give_up_delivery,
    mark_written,
    poll,
    poll_command,
    post_result,
    revert_delivery,
    try_cancel,
    waiting_ids,
)


async def test_enqueue(store: Store) -> None:
    """What could not be stored was not enqueued, at once and afterwards."""
    written, lost, later = command(), command(), command()
    await enqueue_commands(store, written)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await enqueue_commands(store, lost)
        assert [written.id] == await waiting_ids(store)
    await enqueue_commands(store, later)

    assert [written.id, later.id] == await waiting_ids(store)
    assert await store.find_command(DEFAULT_SCOPE_ID, lost.id) is None


async def test_delivery(store: Store) -> None:
    """What could not be handed out waits as before, also what may go out once."""
    door = at_most_once_command()
    await enqueue_commands(store, door)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await poll(store, uuid="u1")
        assert await find_in_flight(store) is None
        assert [door.id] == await waiting_ids(store)

    in_flight = await poll_command(store, START + 1, uuid="u2")

    assert (door.id, 1) == (in_flight.command.id, in_flight.command.attempts)
    assert 1 == len((await command_record(store, door)).deliveries)


async def test_result(store: Store) -> None:
    """A result that could not be stored ended nothing; the next try does."""
    queued = command()
    await enqueue_commands(store, queued)
    await poll_command(store, uuid="u1")
    async with failing_commits(store):
        in_flight = await find_in_flight(store)
        assert in_flight is not None
        with pytest.raises(Unavailable):
            await post_result(store, in_flight, START + 1)
        in_flight = await find_in_flight(store)
        assert in_flight is not None
        assert CommandState.SENT is in_flight.command.state

    again = await find_in_flight(store)
    assert again is not None
    await post_result(store, again, START + 2)

    record = await command_record(store, queued)
    assert (CommandState.SUCCESSFUL, START + 2) == (
        record.command.state,
        record.command.finished_at,
    )
    assert 1 == len(
        await store.results(
            DEFAULT_SCOPE_ID, after=0, limit=9, device_id=None, orphan=None
        )
    )


async def test_cancel_and_give_up(store: Store) -> None:
    """Nothing that was decided while the store was away has happened."""
    queued, following = command(), command()
    await enqueue_commands(store, queued, following)
    await poll_command(store, uuid="u1")
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await give_up_delivery(store, START + GRACE)
        with pytest.raises(Unavailable):
            await try_cancel(store, following)

    lane = await store.change_lane(DEVICE, lambda lane, _changes, _prior: lane)
    assert lane.in_flight is not None
    assert queued.id == lane.in_flight.command.id
    assert [following.id] == await waiting_ids(store)


async def test_withdraw_after(store: Store) -> None:
    """A hand-out can be taken back though a commit failed since."""
    door = at_most_once_command()
    await enqueue_commands(store, door)
    in_flight = await poll_command(store)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await enqueue_commands(store, command())
    await revert_delivery(store, in_flight, START + 1)

    assert CommandState.PENDING is (await command_record(store, door)).command.state


async def test_written_after(store: Store) -> None:
    """That an answer was written can be recorded though a commit failed since."""
    door = at_most_once_command()
    await enqueue_commands(store, door)
    in_flight = await poll_command(store)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await enqueue_commands(store, command())
    await mark_written(store, in_flight, START + 1)

    assert CommandState.DELIVERED is (await command_record(store, door)).command.state


async def test_everybody_is_notified(store: Store) -> None:
    """All who share the commit learn that it failed; nothing is published."""
    completions: list[tuple[bool, bool]] = []
    seen = record_notices(store).notices

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> str:
        enqueue(lane, command(device_id=lane.device_id), changes)
        return "added"

    async with failing_commits(store):
        outcomes = await asyncio.gather(
            *(
                store.change_lane(
                    n,
                    decide,
                    on_done=lambda *outcome: completions.append(outcome),
                )
                for n in range(5)
            ),
            return_exceptions=True,
        )

    assert [Unavailable] * 5 == [type(one) for one in outcomes]
    assert ([(False, True)] * 5, []) == (completions, seen)


async def test_readers_go_on(store: Store) -> None:
    """What is stored can be read, and an idle lane polled, all the while."""
    queued = command()
    await enqueue_commands(store, queued)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await enqueue_commands(store, command())

        assert (await command_record(store, queued)).command.id == queued.id
        assert 1 == len(
            await store.commands(
                DEFAULT_SCOPE_ID, CommandFilter(), before=None, limit=9
            )
        )
        assert 7 == await store.change_lane(5, lambda *_: 7)


async def test_other_writes(store: Store) -> None:
    """
    Writing devices, tokens and the check fails while the store is unavailable, and
    works later.
    """
    device = Device(
        **terminal(DEVICE)._asdict(),
        scope_id=DEFAULT_SCOPE_ID,
        state=DeviceState.ADOPTED,
        created_at=START,
    )
    known = attrs.evolve(device, **terminal(DEVICE + 1)._asdict())
    await store.save_devices([known])
    async with failing_commits(store):
        for call in (
            store.save_devices([device]),
            store.save_last_seen([known], [], keep=20),
            store.delete_device(known.device_id),
            store.check_writable(),
        ):
            with pytest.raises(Unavailable):
                await call

    await store.check_writable()
    assert 1 == len(await store.all_devices())
    await store.save_devices([device])
    assert 2 == len(await store.all_devices())


async def test_what_cannot_be_written(store: Store) -> None:
    """A value that no store can hold fails alone; the store goes on."""
    huge = Device(
        **terminal(2**70)._asdict(),
        scope_id=DEFAULT_SCOPE_ID,
        state=DeviceState.ADOPTED,
        created_at=START,
    )
    async with asyncio.timeout(15):
        with pytest.raises(Unavailable):
            await store.save_devices([huge])
        with pytest.raises(Unavailable):
            await enqueue_commands(store, command(expires_at=2**70))
        queued = command()
        await enqueue_commands(store, queued)

    assert [queued.id] == await waiting_ids(store)


async def test_restart_after(location: StoreLocation, clock: ManualClock) -> None:
    """A restart finds what was stored, and nothing of what was not."""
    written, lost = command(), command()
    async with open_store(location, clock) as store:
        await enqueue_commands(store, written)
        async with failing_commits(store):
            with pytest.raises(Unavailable):
                await enqueue_commands(store, lost)
            with pytest.raises(Unavailable):
                await add_results(store, result())

    async with open_store(location, clock) as store:
        assert [written.id] == await waiting_ids(store)
        assert [] == await store.results(
            DEFAULT_SCOPE_ID, after=0, limit=9, device_id=None, orphan=None
        )


async def test_lookup_after(store: Store) -> None:
    """The past can be asked for as soon as the store is back."""
    await enqueue_commands(store, command())
    in_flight = await poll_command(store, uuid="u1")
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await give_up_delivery(store, START + GRACE)

    def by_uuid(_lane: Lane, _changes: Changes, prior: PriorState) -> Delivery | None:
        return prior.by_uuid.delivery if prior.by_uuid else None

    found = await store.change_lane(DEVICE, by_uuid, Lookup(delivery_uuid="u1"))
    assert found is not None
    assert (in_flight.delivery.id, None) == (found.id, found.outcome)
    assert delivery(in_flight.command).id != found.id


async def test_closed(location: StoreLocation, clock: ManualClock) -> None:
    """A store that was closed takes nothing any more, and says so."""
    async with open_store(location, clock) as store:
        pass

    with pytest.raises(Unavailable):
        await enqueue_commands(store, command())
    with pytest.raises(Unavailable):
        await store.find_command(DEFAULT_SCOPE_ID, 1)


async def test_closing_writes_what_waits(
    location: StoreLocation, clock: ManualClock
) -> None:
    """What was requested before the store is closed is stored."""
    queued = command()
    store = await location.open(clock)
    enqueuing = asyncio.create_task(enqueue_commands(store, queued))
    await asyncio.sleep(0)
    await store.close()
    await enqueuing

    async with open_store(location, clock) as store:
        assert [queued.id] == await waiting_ids(store)
