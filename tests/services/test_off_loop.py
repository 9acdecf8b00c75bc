"""What takes long for its size runs apart from the loop."""

import os
import threading
from functools import partial

import pytest

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.services.off_loop import (
    MAX_IN_THREAD,
    MAX_INLINE,
    GaveUp,
    run_off_loop,
)
from pushserver.services.off_loop_child import MAX_MEMORY


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
