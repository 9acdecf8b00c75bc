"""Two servers over one database: each decides on lanes as they are by now."""

import asyncio
from random import Random

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.commands import PriorState
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import START
from tests.model.factories import DEVICE, command
from tests.model.operation_scenario import operation
from tests.storage.cluster import ServerPair
from tests.storage.lanes import lane_content, many_commands, stored_lane
from tests.storage.operations import (
    cancel_stored_operation,
    create_operation,
    delete_operation,
)
from tests.storage.queue_actions import (
    enqueue_commands,
    find_in_flight,
    get_lane,
    give_up_delivery,
    poll,
    post_result,
    revert_delivery,
    try_cancel,
    waiting_ids,
)

pytestmark = pytest.mark.only_on("postgres")


async def random_action(store: PostgresStore, random: Random) -> None:
    """Do something to the device's lane."""
    in_flight = await find_in_flight(store)
    match random.randrange(6):
        case 0:
            await enqueue_commands(store, *many_commands(random.randrange(1, 12)))
        case 1 if in_flight is None:
            await poll(store, uuid=str(random.random()))
        case 2 if in_flight is not None:
            await post_result(store, in_flight)
        case 3 if in_flight is not None:
            await revert_delivery(store, in_flight)
        case 4 if in_flight is not None:
            await give_up_delivery(store, START)
        case _:
            lane = await get_lane(store)
            if lane.waiting:
                await try_cancel(store, random.choice(lane.waiting))


@pytest.mark.parametrize("seed", range(3))
async def test_each_sees_what_the_other_did(pair: ServerPair, seed: int) -> None:
    """Whatever and how much was done, and by whom, both see the lane as it is."""
    random = Random(seed)  # noqa: S311 - it must repeat
    await enqueue_commands(pair.a, *many_commands(30))
    for _ in range(30):
        does = random.choice((pair.a, pair.b))
        for _ in range(random.choice((1, 1, 1, 1, 1, 3, 60))):
            await random_action(does, random)
        is_so = await stored_lane(pair.a)

        assert (
            is_so
            == lane_content(await get_lane(pair.a))
            == lane_content(await get_lane(pair.b))
        )


async def test_decided_in_vain(pair: ServerPair) -> None:
    """A decision that could not be written is forgotten."""
    await enqueue_commands(pair.a, *many_commands(3))
    is_so = await stored_lane(pair.a)

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        call = lane.waiting.pop()
        changes.changed_commands[call.id] = call
        call.stored_state = None
        changes.new_commands.append(call)

    with pytest.raises(Unavailable):
        await pair.a.change_lane(DEVICE, decide)

    assert is_so == lane_content(await get_lane(pair.a))


async def test_nothing_stays_locked(pair: ServerPair) -> None:
    """When what was decided cannot even be said, the device is free at once."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.new_commands.append(attrs.evolve(command(), order=None))

    with pytest.raises(AttributeError):
        await pair.a.change_lane(DEVICE, decide)
    async with asyncio.timeout(4):
        await enqueue_commands(pair.b, command())


async def test_decision_fails(pair: ServerPair) -> None:
    """What a decision did before it failed is forgotten."""
    await enqueue_commands(pair.a, *many_commands(3))
    is_so = await stored_lane(pair.a)

    def decide(lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        lane.waiting.clear()
        raise RuntimeError("a fault of ours")

    def other(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.end_device(lane)

    calls = pair.a.change_lane(DEVICE, decide), pair.a.change_lane(DEVICE, other)
    (failed, done) = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(failed, RuntimeError)
    assert done is None
    assert (
        is_so
        == lane_content(await get_lane(pair.b))
        == lane_content(await get_lane(pair.a))
    )


async def test_operation_is_forgotten(pair: ServerPair) -> None:
    """A step goes on alone at each server when one of them deletes its operation."""
    of = operation(step_count=2)
    await create_operation(pair.a, of)
    in_flight = await poll(pair.a, uuid="1")
    assert in_flight is not None
    await cancel_stored_operation(pair.a, of)
    await get_lane(pair.b)
    await delete_operation(pair.a, of)
    await post_result(pair.b, in_flight)

    assert await find_in_flight(pair.b) is None


@pytest.mark.proof
async def test_much_is_new(pair: ServerPair) -> None:
    """However much a server adds to a lane, the other one sees it at once."""
    await enqueue_commands(pair.a, *many_commands(20))
    await get_lane(pair.b)
    for _ in range(17):
        await enqueue_commands(pair.a, *many_commands(2000))

    assert 34_020 == len(await waiting_ids(pair.b))
