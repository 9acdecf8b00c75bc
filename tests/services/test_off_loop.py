"""What takes long for its size runs apart from the loop."""

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import count
from weakref import ref

import pytest

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.services import off_loop
from pushserver.services.off_loop import (
    MAX_IN_THREAD,
    MAX_INLINE,
    GaveUp,
    MachineBusy,
    in_pieces,
    run_off_loop,
)
from pushserver.services.off_loop_child import MAX_MEMORY
from tests.web.local_server import wait_until


async def test_small() -> None:
    """What is small is done at once."""
    here = threading.current_thread().name

    assert here == (await run_off_loop(MAX_INLINE, threading.current_thread)).name


@pytest.mark.parametrize("size", [MAX_INLINE + 1, MAX_IN_THREAD])
async def test_larger(size: int) -> None:
    """What is larger runs in a thread of this process."""
    thread = await run_off_loop(size, threading.current_thread)

    assert thread.name.startswith("off-loop")


async def test_large() -> None:
    """What is so large that one step may take long has a process of its own."""
    assert os.getpid() != await run_off_loop(MAX_IN_THREAD + 1, os.getpid)


async def test_interrupt() -> None:
    """
    Ctrl-C, which goes to all processes of a terminal's group, does not end that one.
    """
    assert os.getpgrp() != await run_off_loop(MAX_IN_THREAD + 1, os.getpgrp)


@pytest.mark.parametrize("size", [MAX_INLINE, MAX_IN_THREAD, MAX_IN_THREAD + 1])
async def test_errors(size: int) -> None:
    """Our errors come back from wherever they were raised, with all that they say."""
    parse = partial(parse_int64, field_name="speed", pointer="/there")

    with pytest.raises(Invalid, match="speed") as raised:
        await run_off_loop(size, parse, "fast")

    assert "/there" == raised.value.pointer


async def test_too_much_memory() -> None:
    """Work that takes too much memory takes none from the server, and is given up."""
    with pytest.raises(GaveUp):
        await run_off_loop(MAX_IN_THREAD + 1, bytes, 2 * MAX_MEMORY)


async def test_too_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that takes too much processor time is given up, whenever that is."""
    monkeypatch.setattr(off_loop, "CHILD_CPU_SECONDS", 1)

    with pytest.raises(GaveUp) as raised:
        await run_off_loop(MAX_IN_THREAD + 1, pow, 3, 10**9)

    assert GaveUp is raised.type


async def test_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that was given little processor time is not taken for too much of it."""
    monkeypatch.setattr(off_loop, "CHILD_CPU_SECONDS", 1)
    await run_off_loop(MAX_IN_THREAD + 1, time.sleep, 1.5)

    monkeypatch.setattr(off_loop, "CHILD_TIMEOUT", 0.2)
    with pytest.raises(MachineBusy):
        await run_off_loop(MAX_IN_THREAD + 1, time.sleep, 60)


@pytest.mark.usefixtures("no_collector")
async def test_an_error_keeps_nothing() -> None:
    """An error is gone when it was handled, and the arguments that it came of are."""
    parse = partial(parse_int64, field_name="speed")
    with pytest.raises(Invalid) as raised:
        await run_off_loop(MAX_IN_THREAD + 1, parse, "fast")
    error = ref(raised.value)

    del raised
    await wait_until(lambda: error() is None)


async def test_what_cannot_be_sent() -> None:
    """What cannot be given to a process is our own mistake, and is not hidden."""
    with pytest.raises(TypeError, match="pickle"):
        await run_off_loop(MAX_IN_THREAD + 1, str, threading.Lock())


async def test_many_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of many loops in pieces, one goes on at each turn of the event loop, and each of
    them in its turn.
    """
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    seen: list[int] = []

    async def work(number: int) -> None:
        async for _ in in_pieces(count()):
            seen.append(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number)) for number in range(5)]
        await wait_until(lambda: len(seen) > 5)
        seen.clear()
        for turn in range(1, 21):
            await asyncio.sleep(0)
            assert turn >= len(seen)
        for task in tasks:
            task.cancel()

    assert {0, 1, 2, 3, 4} == set(seen)


async def test_many_begin_in_pieces() -> None:
    """
    Of many long loops that begin in the same turn of the event loop, one begins, and
    each of the others in a turn of its own.
    """
    turns: list[int] = []

    class Slow(list[int]):
        def __iter__(self) -> Iterator[int]:
            turns.append(turn)
            ends_at = time.monotonic() + 2 * off_loop._PIECE
            while time.monotonic() < ends_at:
                pass
            return super().__iter__()

    async def walk(numbers: Slow) -> None:
        async for _ in in_pieces(numbers):
            pass

    turn = 0
    async with asyncio.TaskGroup() as group:
        for work in (walk,) * 10:
            group.create_task(work(Slow([2, 1])))
        while len(turns) < 10:
            await asyncio.sleep(0)
            turn += 1

    assert 2 >= max(Counter(turns).values())


async def test_turns_of_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of one member waits behind one piece of each other's, not behind all."""
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    done: list[str] = []

    def work(member: str) -> None:
        done.append(member)

    async with asyncio.TaskGroup() as group:
        for member in ("many",) * 10 + ("few",):
            group.create_task(run_off_loop(1, work, member, member=member))

    assert 3 >= done.index("few")
