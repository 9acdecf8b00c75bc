"""Counts the calls of our own functions that a request goes through; nothing is timed.

    python -m bench.calls [--list]

A server over a SQLite file runs in this process. After a warm-up, the calls of
functions in `pushserver/` are counted on every thread, and how often one call is in
another file than the call before it: whoever reads the code has to follow each of them.
Resuming a coroutine is no call. Comprehensions, generator expressions and lambdas are
counted apart. `--list` prints the calls in their order.
"""

import asyncio
import logging
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import structlog

import pushserver
from bench import wire
from bench.wire import LoadConnection
from pushserver.app import listening, running_services
from pushserver.clock import SystemClock
from pushserver.settings import Settings
from pushserver.stores import open_store

_PACKAGE = f"{Path(pushserver.__file__).parent}/"
_WARM_UP_RUNS, _COUNTED_RUNS = 20, 5
#: The most calls and changes of file that we want to read through.
_TARGETS = {"enqueue with a held poll": (100, 60), "result": (80, 45)}
_INLINE_NAMES = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})

Step = Callable[[], Awaitable[object]]


@attrs.frozen
class Call:
    """A call of a function in `file`, which is relative to the package."""

    file: str
    function: str
    is_inline: bool


@attrs.define(eq=False)
class Tracer:
    """A profile function for all threads: records calls while it is switched on."""

    calls: list[Call] = attrs.Factory(list)
    is_on: bool = False
    _frames: set[FrameType] = attrs.field(factory=set, init=False)

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Record a call of ours; a frame seen before is a coroutine that goes on."""
        code = frame.f_code
        if not self.is_on or event != "call" or frame in self._frames:
            return
        if code.co_filename.startswith(_PACKAGE):
            self._frames.add(frame)
            is_inline = code.co_name in _INLINE_NAMES or code.co_name == "<lambda>"
            file = code.co_filename.removeprefix(_PACKAGE)
            self.calls.append(Call(file, code.co_qualname, is_inline))

    async def trace(self, step: Step) -> list[Call]:
        """Return the calls that *step* and what it sets off go through."""
        await _settle()
        self.calls, self.is_on = [], True
        await step()
        await asyncio.sleep(0.005)
        self.is_on = False
        self._frames.clear()
        return self.calls


async def _settle() -> None:
    """Let everything that was set off come to its end."""
    for _ in range(50):
        await asyncio.sleep(0.002)


async def _ask(connection: LoadConnection, request: bytes) -> None:
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    connection.send(request, lambda status, _body: answer.set_result(status))
    status = await answer
    if status not in (wire.OK, wire.CREATED):
        raise wire.UnexpectedAnswer(f"{status} to {request!r}")


async def _adopt(program: LoadConnection) -> None:
    body = '{"hold":60}'
    await _ask(
        program,
        (
            f"PUT /api/v1/devices/{wire.FIRST_DEVICE} HTTP/1.1\r\nHost: {wire.HOST}\r\n"
            f"Authorization: Bearer {wire.TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode(),
    )


async def _run(
    tracer: Tracer, program: LoadConnection, device: LoadConnection, uuid: str
) -> list[list[Call]]:
    """Enqueue a command while its poll is held, and post its result."""
    poll = wire.poll_request(wire.FIRST_DEVICE, uuid)
    held = asyncio.create_task(_ask(device, poll))
    enqueue = wire.enqueue_request(wire.FIRST_DEVICE, uuid)
    result = wire.result_request(wire.FIRST_DEVICE, uuid)
    return [
        await tracer.trace(lambda: asyncio.gather(_ask(program, enqueue), held)),
        await tracer.trace(lambda: _ask(device, result)),
    ]


async def count(tracer: Tracer, port: int) -> dict[str, list[Call]]:
    """Return the calls of each request, from the run in which nothing else went on."""
    program, device = await wire.connect(port, 2)
    await _adopt(program)
    runs = [
        await _run(tracer, program, device, f"{n}")
        for n in range(_WARM_UP_RUNS + _COUNTED_RUNS)
    ][_WARM_UP_RUNS:]
    program.close()
    device.close()
    return {
        name: min((run[i] for run in runs), key=len) for i, name in enumerate(_TARGETS)
    }


def _file_changes(calls: list[Call]) -> int:
    return sum(one.file != following.file for one, following in pairwise(calls))


def render(name: str, calls: list[Call], *, as_list: bool) -> str:
    """Return what there is to say of a request: the figures, and its calls."""
    named = [call for call in calls if not call.is_inline]
    most_calls, most_changes = _TARGETS[name]
    lines = [
        f"{name}: {len(named)} calls (at most {most_calls}),"
        f" {_file_changes(named)} changes of file (at most {most_changes});"
        f" {len(calls)} and {_file_changes(calls)} with comprehensions and lambdas"
    ]
    if as_list:
        lines += [f"  {call.file}: {call.function}" for call in calls]
    return "\n".join(lines)


async def main() -> None:
    """Run the server, count, and print."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    tracer = Tracer()
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            admin_token=wire.TOKEN, database=f"sqlite:///{folder}/db", port=0
        )
        clock = SystemClock()
        store = await open_store(settings, clock)
        async with (
            running_services(settings, store, clock) as services,
            listening(settings, services) as url,
        ):
            calls_by_request = await count(tracer, int(url.rsplit(":", 1)[1]))
    for name, calls in calls_by_request.items():
        sys.stdout.write(f"{render(name, calls, as_list='--list' in sys.argv)}\n")


if __name__ == "__main__":
    asyncio.run(main())
