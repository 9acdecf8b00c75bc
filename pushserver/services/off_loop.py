"""
Runs what takes long for its size apart from the event loop, which serves everybody.

What is small is done on it, a few of them in each of its turns. What is larger runs in
a thread, and gives way to the loop every few milliseconds. What is so large that a
single step of it would take longer runs in a process of its own: a parser in C lets
nobody else run before it is through.
"""

import asyncio
import os
import pickle
import sys
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pushserver.errors import PushServerError
from pushserver.fair_turns import CALLER, FairLine, FairTurns

T = TypeVar("T")

#: Bytes up to which work is done on the loop: for the worst of them, 10 ms.
MAX_INLINE = 32 * 1024
#: Bytes up to which it is done in a thread: of a parser in C, some milliseconds, and
#: for the worst of them, such as quotes without end, 25 ms.
MAX_IN_THREAD = 512 * 1024
#: Bytes of JSON that are decoded in some milliseconds, if they hold few values.
MAX_QUICK = 4 * 1024 * 1024
_MAX_QUICK_VALUES = 2000
#: Seconds of processor time that a process may take.
CHILD_CPU_SECONDS = 25
#: Seconds after which a process is stopped that others left too little of them.
CHILD_TIMEOUT = 300.0
#: Seconds after which a loop over many items lets others have their turn.
_PIECE = 0.001
#: So many threads, and as many processes, at a time.
_MAX_WORKERS = 2
_CHILDREN: WeakKeyDictionary[asyncio.AbstractEventLoop, FairTurns]
_CHILDREN = WeakKeyDictionary()
#: Those of a loop that wait to go on with their next piece, if there are any.
_GAVE_WAY: WeakKeyDictionary[asyncio.AbstractEventLoop, FairLine]
_GAVE_WAY = WeakKeyDictionary()
#: Until when loops over many items may begin in this turn, by the monotonic clock.
_BEGIN_UNTIL: WeakKeyDictionary[asyncio.AbstractEventLoop, float]
_BEGIN_UNTIL = WeakKeyDictionary()
#: The process imports from where this one does.
_CHILD = (
    "import sys; sys.path[:] = sys.argv[1:];"
    " from pushserver.services.off_loop_child import main; main({cpu_seconds})"
)


class GaveUp(Exception):
    """The work took too long, or too much memory."""


class MachineBusy(GaveUp):
    """The machine has no room for the work now, or had too little time for it."""


def is_quick(json: bytes) -> bool:
    """
    Tell whether JSON is decoded in some milliseconds.

    It is, if it is short, or if long strings make it long: images and firmware.
    """
    return len(json) <= MAX_QUICK and json.count(b",") <= _MAX_QUICK_VALUES


async def run_off_loop(
    size: int, function: Callable[..., T], *args: object, member: Hashable = None
) -> T:
    """
    Return what *function* returns for *args*, which are of *size* bytes.

    All of them are importable or can be pickled. If it has to wait for its turn, it is
    in that of the caller's *member*.

    Raises:
        GaveUp: it took too long, or too much memory.
        MachineBusy: the same work may be done at another time.

    Besides, what *function* raises.
    """
    if size <= MAX_INLINE:
        await begin_piece(member)
        return function(*args)
    if size <= MAX_IN_THREAD:
        return await run_in_thread(function, *args)
    return await run_in_child(function, *args)


async def run_in_child(
    function: Callable[..., T], *args: object, file: int | None = None
) -> T:
    """
    Return what *function* returns in another process, which has the open *file*, too.

    Raises:
        GaveUp: as `run_off_loop`. Besides, what *function* raises.
    """
    async with _children():
        result: T | PushServerError = await _run_in_child((function, args), file)
    if isinstance(result, PushServerError):
        try:
            raise result
        finally:
            # It has this frame, which must not have it: they would keep the arguments.
            del result
    return result


async def run_in_thread(function: Callable[..., T], *args: object) -> T:
    """Run *function* in one of a few threads; return what it returns."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), function, *args)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MAX_WORKERS, thread_name_prefix="off-loop")


def _children() -> FairTurns:
    """Return what bounds how many processes a loop has."""
    loop = asyncio.get_running_loop()
    return _CHILDREN.setdefault(loop, FairTurns(_MAX_WORKERS))


async def _run_in_child(work: object, file: int | None) -> Any:
    """Run what is a function and its arguments; return its result."""
    # Not by asyncio, which would keep copies of what goes both ways, besides the
    # pickled ones.
    source, target = os.pipe()
    answer_source, answer_target = os.pipe()
    try:
        child = await _start_child(source, answer_target, file)
    except BaseException as error:
        os.close(target)
        os.close(answer_source)
        if isinstance(error, OSError):
            raise MachineBusy(str(error)) from None
        raise
    finally:
        os.close(source)
        os.close(answer_target)
    sending = asyncio.create_task(asyncio.to_thread(_send, work, target))
    receiving = asyncio.create_task(asyncio.to_thread(_receive, answer_source))
    try:
        await _await_end(child)
    finally:
        # The process is gone, so that nothing is written any more.
        await asyncio.wait((sending, receiving))
    # Raises what cannot be pickled, which is nobody's fault but ours.
    sending.result()
    if child.returncode:
        raise GaveUp(f"Its process ended with {child.returncode}.")
    return receiving.result()


async def _start_child(
    source: int, target: int, file: int | None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-c",
        _CHILD.format(cpu_seconds=CHILD_CPU_SECONDS),
        *sys.path,
        stdin=source,
        stdout=target,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=() if file is None else (file,),
        # What a terminal sends to the server, such as Ctrl-C, does not end it.
        start_new_session=True,
    )


def _send(work: object, target: int) -> None:
    with suppress(BrokenPipeError), os.fdopen(target, "wb") as pipe:
        pickle.dump(work, pipe)


def _receive(source: int) -> object:
    """Return what the process writes; nothing, if it ends before its end."""
    with suppress(EOFError, pickle.UnpicklingError), os.fdopen(source, "rb") as pipe:
        return pickle.load(pipe)  # noqa: S301 - from our own process
    return None


async def _await_end(child: asyncio.subprocess.Process) -> None:
    """Wait for the process, and end it if it takes too long."""
    try:
        async with asyncio.timeout(CHILD_TIMEOUT):
            await child.wait()
    except TimeoutError:
        raise MachineBusy(f"It took more than {CHILD_TIMEOUT:g} s.") from None
    finally:
        with suppress(ProcessLookupError):
            if child.returncode is None:
                child.kill()
                await child.wait()


async def in_pieces(items: Iterable[T]) -> AsyncIterator[T]:
    """
    Return *items* one by one; others have their turn every millisecond.

    However many such loops there are, or begin at once, they take no more than two
    such pieces of each turn.
    """
    await begin_piece()
    ends_at = time.monotonic() + _PIECE
    for item in items:
        yield item
        if time.monotonic() >= ends_at:
            await give_way()
            ends_at = time.monotonic() + _PIECE


async def begin_piece(member: Hashable = None) -> None:
    """
    Give way, if those that began in this turn have already taken a piece of it.

    Whatever takes a while for what others sent begins with this: however many come at
    once, a turn of the loop is no longer than what two of them take.
    """
    if not may_begin():
        await give_way(member)


def may_begin() -> bool:
    """Tell whether this turn has room for a piece; the first takes it from others."""
    loop, now = asyncio.get_running_loop(), time.monotonic()
    until = _BEGIN_UNTIL.get(loop)
    if until is None:
        _BEGIN_UNTIL[loop] = now + _PIECE
        loop.call_soon(_BEGIN_UNTIL.pop, loop, None)
    return until is None or now < until


async def give_way(member: Hashable = None) -> None:
    """
    Let others have their turn; of all who give way, one goes on at each turn.

    Callers take turns then, and with each the members that it has, such as devices.
    """
    loop = asyncio.get_running_loop()
    line = _GAVE_WAY.get(loop)
    if line is None:
        line = _GAVE_WAY[loop] = FairLine()
        loop.call_soon(_go_on, loop, line)
    await line.join(CALLER.get(), member)


def _go_on(loop: asyncio.AbstractEventLoop, line: FairLine) -> None:
    line.let_go_on()
    if line:
        loop.call_soon(_go_on, loop, line)
    else:
        del _GAVE_WAY[loop]
