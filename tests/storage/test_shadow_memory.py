"""Shadows may be long: lanes keep none in memory, and a round reads few at a time."""

import asyncio
import gc

import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.shadow import Service
from pushserver.model.transitions import enqueue
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.sql.shadows import MAX_READ
from tests.clock import ManualClock
from tests.model.factories import DEVICE, command
from tests.model.shadow_scenario import service
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import poll_command, post_result

DEVICES = (DEVICE, 2, 3)
#: So long that a round has room for the shadows of two devices.
_LONG = MAX_READ * 2 // 3
_DESIRED = {"long": "x" * _LONG}


async def write(store: Store, device: int) -> None:
    """Let a command write a long service of the device, and another one wait."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        one = service("a", device_id=device, desired=_DESIRED)
        for each in (command(service_id="a", device_id=device) for _ in range(2)):
            each.service = one
            one.begin_read(each.id, ["long"])
            enqueue(lane, each, changes)
        changes.record_service(one)

    await store.change_lane(device, decide)


def services_in_lane(store: Store) -> list[Service]:
    """Return the services that the device's lane keeps in memory."""
    lane = store.cached_lane(DEVICE)
    commands = () if lane is None else lane.commands
    return [each.service for each in commands if each.service is not None]


async def test_not_kept(location: StoreLocation, clock: ManualClock) -> None:
    """
    Lanes keep no services that commands follow: not after the commands were made,
    handed out and answered, nor after a restart.
    """
    async with open_store(location, clock) as store:
        await write(store, DEVICE)
        assert [] == services_in_lane(store)
        in_flight = await poll_command(store)
        assert [] == services_in_lane(store)
    async with open_store(location, clock) as store:
        assert [] == services_in_lane(store)
        await post_result(store, in_flight)
        assert [] == services_in_lane(store)


async def test_not_kept_when_away(location: StoreLocation, clock: ManualClock) -> None:
    """
    So it is after a commit that failed.
    """
    async with open_store(location, clock) as store:
        await write(store, DEVICE)
        async with location.failing_writer(store):
            with pytest.raises(Unavailable):
                await poll_command(store)
        assert [] == services_in_lane(store)


@pytest.mark.parametrize("lookup", [None, Lookup(services=True)])
async def test_few_at_a_time(
    location: StoreLocation, clock: ManualClock, lookup: Lookup | None
) -> None:
    """
    Decisions on devices whose shadows are too much for one round share two, and each
    sees its own; those that fit share one.
    """
    seen: list[Changes] = []

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> list[str]:
        seen.append(changes)
        services = {each.service for each in lane.commands} | {*prior.services}
        return [each.service_id for each in services if each is not None]

    async def decide_all(*devices: int) -> int:
        seen.clear()
        deciding = [store.change_lane(each, decide, lookup) for each in devices]
        assert [["a"]] * len(devices) == await asyncio.gather(*deciding)
        return len(set(map(id, seen)))

    async with open_store(location, clock) as store:
        for device in DEVICES:
            await write(store, device)
        assert 1 == await decide_all(*DEVICES[:2])
        assert 2 == await decide_all(*DEVICES)


@pytest.mark.only_on("sqlite")
async def test_nothing_is_left(location: StoreLocation, clock: ManualClock) -> None:
    """
    What a round read is gone with it, and waits for no collection of garbage: also when
    it was too much for the round.
    """
    async with open_store(location, clock) as store:
        for device in DEVICES:
            await write(store, device)
        await asyncio.gather(*(store.change_lane(d, lambda *_: None) for d in DEVICES))
        left = [each for each in gc.get_objects() if isinstance(each, Service)]

    assert [] == [each for each in left if each.desired == _DESIRED]
