"""Deliveries leave while nobody calls, and some of them in any case."""

import asyncio
import itertools

from pushserver.workers.webhooks.pace import PATIENCE, QUIET, Pace
from tests.workers.webhooks.office import Office, rounds
from tests.workers.webhooks.receiver import answering, receiving


async def took(pace: Pace, turns: int) -> float:
    """Return how long (seconds) so many turns take that are wanted at once."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(pace.turn() for _ in range(turns)))
    return loop.time() - begun


async def test_nobody_calls() -> None:
    """While nobody calls one look is enough for each turn, once that is known."""
    looks = 0

    def calls() -> int:
        nonlocal looks
        looks += 1
        return 7

    pace = Pace(calls)
    await pace.turn()
    known = looks
    await took(pace, 20)

    assert 20 == looks - known


async def test_quiet_is_no_instant() -> None:
    """Nobody calls only when nobody has called for a while."""
    assert QUIET <= await took(Pace(lambda: 7), 1)


async def test_busy() -> None:
    """While devices call, one at a time leaves, each after its patience."""
    busy = Pace(itertools.count().__next__)

    assert 5 * PATIENCE <= await took(busy, 5)


async def test_broken_off() -> None:
    """Who is broken off while it waits holds up nobody."""
    pace = Pace(itertools.count().__next__)
    first = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(5):
        await pace.turn()

    assert first.cancelled()


async def test_calls(office: Office) -> None:
    """Polls and results count as calls; so a courier goes by what devices do."""
    fleet = office.services.fleet
    for device_id in (1, 2, 1):
        fleet.meet(device_id, None, "192.0.2.7")

    assert 3 == fleet.calls


async def test_courier_waits(office: Office) -> None:
    """A courier keeps the pace, and everything is told in the end."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        courier.pace = Pace(itertools.count().__next__)
        await office.happen(5)
        begun = asyncio.get_running_loop().time()
        await rounds(courier)
        took = asyncio.get_running_loop().time() - begun
        assert 5 == len(receiver.requests)

    assert 5 * PATIENCE <= took
