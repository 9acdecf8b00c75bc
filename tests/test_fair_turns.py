"""Of all who wait, each caller has a turn, whatever leaves the lines meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from pushserver.fair_turns import CALLER, FairTurns


@attrs.frozen
class Waiting:
    """Who waits, as tasks in the order in which they came, and who had a turn."""

    tasks: list[asyncio.Task[None]]
    had: list[str]


@asynccontextmanager
async def waiting(turns: FairTurns, callers: str) -> AsyncIterator[Waiting]:
    """Take all places while others come and wait; after the block they have them."""
    had: list[str] = []

    async def take(caller: str) -> None:
        CALLER.set(ord(caller))
        async with turns:
            had.append(caller)
            await asyncio.sleep(0)

    async with asyncio.timeout(10):
        for _ in range(turns.places):
            await turns.acquire()
        tasks = [asyncio.create_task(take(each)) for each in callers]
        await asyncio.sleep(0)
        yield Waiting(tasks, had)
        for _ in range(turns.places):
            turns.release()
        await asyncio.gather(*tasks, return_exceptions=True)


def counts(turns: FairTurns, callers: str) -> list[int]:
    """Return how many of each caller's wait."""
    return [turns._line.count_of(ord(each)) for each in callers]


async def test_callers_take_turns() -> None:
    """
    Whoever comes last waits for one of each other caller, however many theirs are.
    """
    async with waiting(FairTurns(), "aaaaaabbbc") as callers:
        pass

    assert "abcababaaa" == "".join(callers.had)


async def test_places() -> None:
    """
    As many work at a time as there are places, and all are free in the end.
    """
    turns = FairTurns(2)
    async with waiting(turns, "abc") as callers:
        turns.release()
        turns.release()
        await asyncio.sleep(0)
        at_once = "".join(callers.had)
        await asyncio.gather(*callers.tasks)
        were_taken = [await turns.acquire() for _ in range(2)]

    assert "ab" == at_once
    assert [False, False] == were_taken


async def test_gone_while_waiting() -> None:
    """
    Who leaves the line is passed over, and counts no more.
    """
    turns = FairTurns()
    async with waiting(turns, "aabcc") as callers:
        gone = [callers.tasks[0], *callers.tasks[2:]]
        for each in gone:
            each.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        left = counts(turns, "abc")

    assert [1, 0, 0] == left
    assert ["a"] == callers.had


async def test_gone_at_the_very_moment() -> None:
    """
    Who is cancelled just before its turn, or in it, has none, and the next one has it.
    """
    turns = FairTurns()
    async with waiting(turns, "abc") as callers:
        callers.tasks[0].cancel()
        turns.release()
        callers.tasks[1].cancel()
        await callers.tasks[2]
        was_taken = await turns.acquire()

    assert ["c"] == callers.had
    assert not was_taken
