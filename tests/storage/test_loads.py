"""What devices have to do."""

import pytest

from pushserver.model.load import NOTHING, Flying, Load
from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.base import Store
from tests.clock import START
from tests.model.values import DEVICE, command
from tests.storage.deeds import abandon, enqueue, fly, report, written
from tests.storage.peers import Pair

OTHER = 99


async def test_loads(store: Store) -> None:
    """Each scope is told how many of its commands wait, and which one is flying."""
    first, *more = (command(id=n) for n in range(1, 4))
    await enqueue(store, first, *more, command(id=4, scope_id=OTHER))
    await enqueue(store, command(id=5, device_id=7))
    flight = await fly(store)
    await written(store, flight, START + 1)
    flying = Flying(first.id, first.endpoint, START, START + 1)
    devices = [DEVICE, 7, 8]

    ours = await store.loads(devices, FIRST_SCOPE)
    theirs = await store.loads(devices, OTHER)
    everything = await store.loads(devices)

    assert Load(2, flying) == ours[DEVICE]
    assert Load(1) == ours[7] == theirs[DEVICE]
    assert Load(3, flying) == everything[DEVICE]
    assert NOTHING == ours.get(8, NOTHING) == theirs.get(7, NOTHING)


async def test_over(store: Store) -> None:
    """What has ended is nothing to do, and what was given up waits again."""
    await enqueue(store, command(id=1), command(id=2))
    await report(store, await fly(store))
    await fly(store)
    await abandon(store, START + 3600 * 10**6)
    left = await store.loads([DEVICE])

    assert Load(1) == left[DEVICE]


async def test_many(store: Store) -> None:
    """All devices that are asked for are answered for, however many."""
    for device_id in (1, 1500, 2500):
        await enqueue(store, command(id=device_id, device_id=device_id))
    found = await store.loads(range(1, 2501))

    assert {1: Load(1), 1500: Load(1), 2500: Load(1)} == found


@pytest.mark.only_on("postgres")
async def test_elsewhere(pair: Pair) -> None:
    """What another server enqueued and handed out counts."""
    await enqueue(pair.a, command(id=1), command(id=2))
    flight = await fly(pair.a)
    found = await pair.b.loads([DEVICE])

    assert Load(1, flight.flying) == found[DEVICE]
