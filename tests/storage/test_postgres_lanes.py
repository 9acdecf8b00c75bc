"""Two servers over one database: each decides on lanes as they are by now."""

import asyncio
from random import Random

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.deciding import Past
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import START
from tests.model.values import DEVICE, command
from tests.model.work import operation
from tests.storage.deeds import (
    abandon,
    ask,
    call_off,
    enqueue,
    flying,
    lane_of,
    report,
    take_back,
    waiting,
)
from tests.storage.lanes import many, shown, truth
from tests.storage.peers import Pair
from tests.storage.tracked import begin, call_off_operation, forget

pytestmark = pytest.mark.only_on("postgres")


async def deed(store: PostgresStore, random: Random) -> None:
    """Do something to the device's lane."""
    flight = await flying(store)
    match random.randrange(6):
        case 0:
            await enqueue(store, *many(random.randrange(1, 12)))
        case 1 if flight is None:
            await ask(store, uuid=str(random.random()))
        case 2 if flight is not None:
            await report(store, flight)
        case 3 if flight is not None:
            await take_back(store, flight)
        case 4 if flight is not None:
            await abandon(store, START)
        case _:
            lane = await lane_of(store)
            if lane.waiting:
                await call_off(store, random.choice(lane.waiting))


@pytest.mark.parametrize("seed", range(3))
async def test_each_sees_what_the_other_did(pair: Pair, seed: int) -> None:
    """Whatever and how much was done, and by whom, both see the lane as it is."""
    random = Random(seed)  # noqa: S311 - it must repeat
    await enqueue(pair.a, *many(30))
    for _ in range(30):
        does = random.choice((pair.a, pair.b))
        for _ in range(random.choice((1, 1, 1, 1, 1, 3, 60))):
            await deed(does, random)
        is_so = await truth(pair.a)

        assert is_so == shown(await lane_of(pair.a)) == shown(await lane_of(pair.b))


async def test_decided_in_vain(pair: Pair) -> None:
    """What was decided and could not be written is forgotten."""
    await enqueue(pair.a, *many(3))
    is_so = await truth(pair.a)

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        call = lane.waiting.pop()
        changes.commands[call.id] = call
        call.stored = None
        changes.add(call)

    with pytest.raises(Unavailable):
        await pair.a.change(DEVICE, decide)

    assert is_so == shown(await lane_of(pair.a))


async def test_nothing_stays_locked(pair: Pair) -> None:
    """When what was decided cannot even be said, the device is free at once."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.added.append(attrs.evolve(command(), order=None))

    with pytest.raises(AssertionError):
        await pair.a.change(DEVICE, decide)
    async with asyncio.timeout(1):
        await enqueue(pair.b, command())


async def test_decision_fails(pair: Pair) -> None:
    """What a decision did before it failed is forgotten."""
    await enqueue(pair.a, *many(3))
    is_so = await truth(pair.a)

    def decide(lane: Lane, _changes: Changes, _past: Past) -> None:
        lane.waiting.clear()
        raise RuntimeError("a fault of ours")

    def other(lane: Lane, changes: Changes, _past: Past) -> None:
        changes.desert(lane)

    calls = pair.a.change(DEVICE, decide), pair.a.change(DEVICE, other)
    (failed, done) = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(failed, RuntimeError)
    assert done is None
    assert is_so == shown(await lane_of(pair.b)) == shown(await lane_of(pair.a))


async def test_operation_is_forgotten(pair: Pair) -> None:
    """A step goes on alone at each server when one of them deletes its operation."""
    of = operation(steps=2)
    await begin(pair.a, of)
    flight = await ask(pair.a, uuid="1")
    assert flight is not None
    await call_off_operation(pair.a, of)
    await lane_of(pair.b)
    await forget(pair.a, of)
    await report(pair.b, flight)

    assert await flying(pair.b) is None


@pytest.mark.proof
async def test_much_is_new(pair: Pair) -> None:
    """However much a server added to a lane, the other one has it at once."""
    await enqueue(pair.a, *many(20))
    await lane_of(pair.b)
    for _ in range(17):
        await enqueue(pair.a, *many(2000))

    assert 34_020 == len(await waiting(pair.b))
