"""One has the turn; of all who wait, owners take it by turns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pushserver.web.fair_turn import FairTurn


@asynccontextmanager
async def waiting(
    turn: FairTurn, owners: str
) -> AsyncIterator[tuple[list[asyncio.Task[None]], list[str]]]:
    """
    Have the turn while others come to wait for it; yield their tasks, and who had it.
    """
    had: list[str] = []

    async def take(owner: str) -> None:
        async with turn.taken_by(ord(owner)):
            had.append(owner)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group, asyncio.timeout(10), turn.taken_by(0):
        tasks = [group.create_task(take(each)) for each in owners]
        await asyncio.sleep(0)
        yield tasks, had


async def test_owners_take_turns() -> None:
    """
    Whoever comes last waits for one of each other owner, however many of theirs wait.
    """
    async with waiting(FairTurn(), "aaaaaabbbc") as (_, had):
        pass

    assert "abcababaaa" == "".join(had)


async def test_free() -> None:
    """
    Nobody waits where nobody works, and the turn is free again afterwards.
    """
    turn = FairTurn()
    async with waiting(turn, "ab"):
        pass

    assert not await turn.acquire(1)


async def test_gone_while_waiting() -> None:
    """
    Who leaves the line is passed over, and counts no more.
    """
    turn = FairTurn()
    async with waiting(turn, "aab") as (tasks, had):
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.gather(tasks[0], tasks[2], return_exceptions=True)
        counts = [turn.waiting_count(ord(each)) for each in "ab"]

    assert ["a"] == had
    assert [1, 0] == counts


async def test_gone_at_the_very_moment() -> None:
    """
    Of who is cancelled in the moment of the turn, or just before, others have it.
    """
    turn = FairTurn()
    async with waiting(turn, "abc") as (tasks, had):
        tasks[0].cancel()
        turn.release()
        tasks[1].cancel()
        await asyncio.gather(tasks[0], tasks[1], return_exceptions=True)
        await tasks[2]
        await turn.acquire(0)

    assert ["c"] == had
    assert not await turn.acquire(1)
