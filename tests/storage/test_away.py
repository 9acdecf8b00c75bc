"""The store is away: nothing is told that is not so, and afterwards all is well."""

import asyncio

import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.command import HandOut
from pushserver.model.device import Device, DeviceState
from pushserver.model.lane import Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.turns import add
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from pushserver.storage.listing import CommandFilter
from tests.clock import START, ManualClock
from tests.model.values import DEVICE, GRACE, command, delivery, once, result
from tests.storage.deeds import (
    abandon,
    ask,
    call_off,
    enqueue,
    fly,
    flying,
    post,
    record_of,
    report,
    take_back,
    waiting,
    written,
)
from tests.storage.places import Place, away, opened


async def test_enqueue(store: Store) -> None:
    """What could not be kept was not enqueued, at once and afterwards."""
    kept, lost, later = command(), command(), command()
    await enqueue(store, kept)
    async with away(store):
        with pytest.raises(Unavailable):
            await enqueue(store, lost)
        assert [kept.id] == await waiting(store)
    await enqueue(store, later)

    assert [kept.id, later.id] == await waiting(store)
    assert await store.find_command(FIRST_SCOPE, lost.id) is None


async def test_hand_out(store: Store) -> None:
    """What could not be handed out waits as before, also what may go out once."""
    door = once()
    await enqueue(store, door)
    async with away(store):
        with pytest.raises(Unavailable):
            await ask(store, uuid="u1")
        assert await flying(store) is None
        assert [door.id] == await waiting(store)

    flight = await fly(store, START + 1, uuid="u2")

    assert (door.id, 1) == (flight.command.id, flight.command.attempts)
    assert 1 == len((await record_of(store, door)).deliveries)


async def test_result(store: Store) -> None:
    """A result that could not be kept ended nothing; the next try does."""
    wanted = command()
    await enqueue(store, wanted)
    await fly(store, uuid="u1")
    async with away(store):
        flight = await flying(store)
        assert flight is not None
        with pytest.raises(Unavailable):
            await report(store, flight, START + 1)
        flight = await flying(store)
        assert flight is not None
        assert State.SENT is flight.command.state

    again = await flying(store)
    assert again is not None
    await report(store, again, START + 2)

    record = await record_of(store, wanted)
    assert (State.SUCCESSFUL, START + 2) == (
        record.command.state,
        record.command.finished_at,
    )
    assert 1 == len(
        await store.results(FIRST_SCOPE, after=0, limit=9, device_id=None, orphan=None)
    )


async def test_cancel_and_give_up(store: Store) -> None:
    """Nothing that was decided while the store was away has happened."""
    wanted, following = command(), command()
    await enqueue(store, wanted, following)
    await fly(store, uuid="u1")
    async with away(store):
        with pytest.raises(Unavailable):
            await abandon(store, START + GRACE)
        with pytest.raises(Unavailable):
            await call_off(store, following)

    lane = await store.change(DEVICE, lambda lane, _changes, _past: lane)
    assert lane.flight is not None
    assert wanted.id == lane.flight.command.id
    assert [following.id] == await waiting(store)


async def test_withdraw_after(store: Store) -> None:
    """A hand-out can be taken back though a commit failed since."""
    door = once()
    await enqueue(store, door)
    flight = await fly(store)
    async with away(store):
        with pytest.raises(Unavailable):
            await enqueue(store, command())
    await take_back(store, flight, START + 1)

    assert State.PENDING is (await record_of(store, door)).command.state


async def test_written_after(store: Store) -> None:
    """That an answer was written can be recorded though a commit failed since."""
    door = once()
    await enqueue(store, door)
    flight = await fly(store)
    async with away(store):
        with pytest.raises(Unavailable):
            await enqueue(store, command())
    await written(store, flight, START + 1)

    assert State.DELIVERED is (await record_of(store, door)).command.state


async def test_everybody_hears(store: Store) -> None:
    """Whoever shares the commit hears that it failed, `then` too, and no watcher."""
    told: list[tuple[object, bool]] = []
    seen: list[Changes] = []
    store.watch(seen.append)

    def decide(lane: Lane, changes: Changes, _past: Past) -> str:
        add(lane, command(device_id=lane.device_id), changes)
        return "added"

    async with away(store):
        said = await asyncio.gather(
            *(
                store.change(n, decide, then=lambda v, heard: told.append((v, heard)))
                for n in range(5)
            ),
            return_exceptions=True,
        )

    assert [Unavailable] * 5 == [type(one) for one in said]
    assert ([(None, True)] * 5, []) == (told, seen)


async def test_readers_go_on(store: Store) -> None:
    """What was kept can be read, and an idle lane be asked, all the while."""
    wanted = command()
    await enqueue(store, wanted)
    async with away(store):
        with pytest.raises(Unavailable):
            await enqueue(store, command())

        assert (await record_of(store, wanted)).command.id == wanted.id
        assert 1 == len(
            await store.commands(FIRST_SCOPE, CommandFilter(), before=None, limit=9)
        )
        assert 7 == await store.change(5, lambda *_: 7)


async def test_other_writes(store: Store) -> None:
    """Devices, tokens and the check say that the store is away, and are kept later."""
    device = Device(
        device_id=DEVICE,
        scope_id=FIRST_SCOPE,
        state=DeviceState.ADOPTED,
        created_at=START,
    )
    async with away(store):
        for work in (
            store.save_devices([device]),
            store.save_seen([device], [], keep=20),
            store.forget_device(DEVICE),
            store.check(),
        ):
            with pytest.raises(Unavailable):
                await work

    await store.check()
    assert [] == await store.all_devices()
    await store.save_devices([device])
    assert 1 == len(await store.all_devices())


async def test_what_cannot_be_written(store: Store) -> None:
    """A value that no store can hold fails alone; the store goes on."""
    huge = Device(
        device_id=2**70,
        scope_id=FIRST_SCOPE,
        state=DeviceState.ADOPTED,
        created_at=START,
    )
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await store.save_devices([huge])
        with pytest.raises(Unavailable):
            await enqueue(store, command(expires_at=2**70))
        wanted = command()
        await enqueue(store, wanted)

    assert [wanted.id] == await waiting(store)


async def test_restart_after(place: Place, clock: ManualClock) -> None:
    """A restart finds what was kept, and nothing of what was not."""
    kept, lost = command(), command()
    async with opened(place, clock) as store:
        await enqueue(store, kept)
        async with away(store):
            with pytest.raises(Unavailable):
                await enqueue(store, lost)
            with pytest.raises(Unavailable):
                await post(store, result())

    async with opened(place, clock) as store:
        assert [kept.id] == await waiting(store)
        assert [] == await store.results(
            FIRST_SCOPE, after=0, limit=9, device_id=None, orphan=None
        )


async def test_recall_after(store: Store) -> None:
    """The past can be asked for as soon as the store is back."""
    await enqueue(store, command())
    flight = await fly(store, uuid="u1")
    async with away(store):
        with pytest.raises(Unavailable):
            await abandon(store, START + GRACE)

    def by_uuid(_lane: Lane, _changes: Changes, past: Past) -> HandOut | None:
        return past.by_uuid.delivery if past.by_uuid else None

    found = await store.change(DEVICE, by_uuid, Recall(uuid="u1"))
    assert found is not None
    assert (flight.delivery.id, None) == (found.id, found.outcome)
    assert delivery(flight.command).id != found.id


async def test_closed(place: Place, clock: ManualClock) -> None:
    """A store that was closed takes nothing any more, and says so."""
    async with opened(place, clock) as store:
        pass

    with pytest.raises(Unavailable):
        await enqueue(store, command())
    with pytest.raises(Unavailable):
        await store.find_command(FIRST_SCOPE, 1)


async def test_closing_writes_what_waits(place: Place, clock: ManualClock) -> None:
    """What was asked before the closing is kept."""
    wanted = command()
    store = await place.open(clock)
    asked = asyncio.create_task(enqueue(store, wanted))
    await asyncio.sleep(0)
    await store.close()
    await asked

    async with opened(place, clock) as store:
        assert [wanted.id] == await waiting(store)
