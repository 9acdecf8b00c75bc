"""Room for bytes is had in fair turns, and nobody who leaves keeps any."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest

from pushserver.fair_room import FairRoom


@attrs.define
class Waiting:
    """Who waits for room, as tasks in the order in which they came; who had some."""

    tasks: Sequence[asyncio.Task[None]]
    had: list[str]


@asynccontextmanager
async def waiting(
    room: FairRoom, letters: str, size: int = 1
) -> AsyncIterator[Waiting]:
    """Take all room while others come; after the block they have it, one by one."""
    had: list[str] = []

    async def take(letter: str) -> None:
        taken = await room.take(size, letter.isupper(), letter)
        had.append(letter)
        await asyncio.sleep(0)
        room.give_back(taken)

    async with asyncio.timeout(10):
        await room.take(room.limit)
        tasks = [asyncio.create_task(take(each)) for each in letters]
        await asyncio.sleep(0)
        yield Waiting(tasks, had)
        room.give_back(room.limit)
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_turns() -> None:
    """Groups take turns, and members in them, however much of one waits."""
    room = FairRoom(1)
    async with waiting(room, "aaaabbA") as those:
        pass

    assert ("aAbabaa", 0) == ("".join(those.had), room.taken)


@pytest.mark.parametrize("leaving", [[0], [0, 1], [2], [0, 1, 2, 3]])
async def test_left(leaving: list[int]) -> None:
    """Whoever leaves, waiting or just let in, keeps nobody from the room."""
    room = FairRoom(2)
    async with waiting(room, "abcd", size=2) as those:
        for each in leaving:
            those.tasks[each].cancel()
    async with waiting(room, "abcd", size=2) as others:
        room.give_back(1)
        room.give_back(1)
        for each in leaving:
            others.tasks[each].cancel()
        await room.take(2)

    stayed = [letter for place, letter in enumerate("abcd") if place not in leaving]
    assert (stayed, stayed, 0) == (those.had, others.had, room.taken)


async def test_more_than_all() -> None:
    """What there is never room for takes all of it, and is alone."""
    room = FairRoom(4)
    async with waiting(room, "a", size=9) as those:
        pass

    assert (["a"], 0) == (those.had, room.taken)
