"""The queue status of devices."""

import pytest

from pushserver.model.queue_status import EMPTY_QUEUE, InFlightView, QueueStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.base import Store
from tests.clock import START
from tests.model.factories import DEVICE, command
from tests.storage.cluster import ServerPair
from tests.storage.queue_actions import (
    enqueue_commands,
    give_up_delivery,
    mark_written,
    poll_command,
    post_result,
)

pytestmark = pytest.mark.scopes(99)

OTHER = 99


async def test_queue_status(store: Store) -> None:
    """Each scope sees how many of its commands wait, and which one is in flight."""
    first, *more = (command(id=n) for n in range(1, 4))
    await enqueue_commands(store, first, *more, command(id=4, scope_id=OTHER))
    await enqueue_commands(store, command(id=5, device_id=7))
    in_flight = await poll_command(store)
    await mark_written(store, in_flight, START + 1)
    view = InFlightView(first.id, first.endpoint, START, START + 1)
    devices = [DEVICE, 7, 8]

    ours = await store.queue_statuses(devices, DEFAULT_SCOPE_ID)
    theirs = await store.queue_statuses(devices, OTHER)
    everything = await store.queue_statuses(devices)

    assert QueueStatus(2, view) == ours[DEVICE]
    assert QueueStatus(1) == ours[7] == theirs[DEVICE]
    assert QueueStatus(3, view) == everything[DEVICE]
    assert EMPTY_QUEUE == ours.get(8, EMPTY_QUEUE) == theirs.get(7, EMPTY_QUEUE)


async def test_over(store: Store) -> None:
    """What has ended is nothing to do, and what was given up waits again."""
    await enqueue_commands(store, command(id=1), command(id=2))
    await post_result(store, await poll_command(store))
    await poll_command(store)
    await give_up_delivery(store, START + 3600 * 10**6)
    left = await store.queue_statuses([DEVICE])

    assert QueueStatus(1) == left[DEVICE]


async def test_many(store: Store) -> None:
    """All devices that are asked for are answered for, however many."""
    for device_id in (1, 1500, 2500):
        await enqueue_commands(store, command(id=device_id, device_id=device_id))
    found = await store.queue_statuses(range(1, 2501))

    assert {1: QueueStatus(1), 1500: QueueStatus(1), 2500: QueueStatus(1)} == found


@pytest.mark.only_on("postgres")
async def test_elsewhere(pair: ServerPair) -> None:
    """What another server enqueued and handed out counts."""
    await enqueue_commands(pair.a, command(id=1), command(id=2))
    in_flight = await poll_command(pair.a)
    found = await pair.b.queue_statuses([DEVICE])

    assert QueueStatus(1, in_flight.view) == found[DEVICE]


async def test_of_all_devices(store: Store) -> None:
    """
    What waits and what is in flight of a scope is found without naming its devices.
    """
    await enqueue_commands(store, command(id=1), command(id=2), command(id=3))
    await enqueue_commands(store, command(id=4, device_id=7, scope_id=OTHER))
    await enqueue_commands(store, command(id=5, device_id=8))
    await poll_command(store)

    assert {DEVICE: 2, 8: 1} == await store.queue_depths(DEFAULT_SCOPE_ID)
    assert {7: 1} == await store.queue_depths(OTHER)
    assert {DEVICE} == set(await store.devices_in_flight(DEFAULT_SCOPE_ID))
    assert set() == set(await store.devices_in_flight(OTHER))
