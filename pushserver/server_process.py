"""The process of one server: its log, its signals, and its exit code.

The store is opened before what serves is loaded: a start that cannot work ends in half
the time, which is seconds on a machine that is busy.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable

from pushserver import logs
from pushserver.clock import SystemClock
from pushserver.errors import Misconfigured, Outdated, Unwritten
from pushserver.interrupts import EXIT_INTERRUPTED
from pushserver.listening import raise_open_file_limit, stop_with_supervisor
from pushserver.metrics.recorder import LogLines
from pushserver.metrics.spans import Span
from pushserver.otel import exporting_spans
from pushserver.settings import Settings
from pushserver.stores import open_store


def serve(settings: Settings) -> int:
    """
    Run the server in this process until SIGTERM or SIGINT; return the exit code.

    It stops alike in both cases; after Ctrl-C the code is that of every command.
    """
    logger, code = logs.configure(settings.log_level), 0
    logs.report_crashes(sys.stderr)
    try:
        with (
            exporting_spans(os.environ) as collect_span,
            asyncio.Runner(loop_factory=_new_loop) as runner,
        ):
            serving = _run_until_signaled(settings, logger.lines, collect_span)
            code = runner.run(serving)
    except* Unwritten:
        code = 1
    except* Misconfigured as errors:
        error = _first_leaf_error(errors)
        logger.error(str(error))
        code = error.exit_code if isinstance(error, Outdated) else 1
    finally:
        logger.flush()
    return code


def _first_leaf_error(error: BaseException) -> BaseException:
    """Return the first error that is no group."""
    if isinstance(error, BaseExceptionGroup):
        return _first_leaf_error(error.exceptions[0])
    return error


async def _run_until_signaled(
    settings: Settings,
    log_lines: LogLines,
    collect_span: Callable[[Span], None] | None,
) -> int:
    stop, code = asyncio.Event(), 0

    def interrupt() -> None:
        nonlocal code
        code = EXIT_INTERRUPTED
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    stop_with_supervisor(stop)
    await _run(settings, stop, log_lines, collect_span)
    return code


async def _run(
    settings: Settings,
    stop: asyncio.Event,
    log_lines: LogLines,
    collect_span: Callable[[Span], None] | None,
) -> None:
    # What is loaded at the start lives long: collecting garbage would find none, and
    # takes its time for each object.
    gc.collect()
    gc.disable()
    raise_open_file_limit()
    clock = SystemClock()
    store = await open_store(settings, clock)
    try:
        from pushserver.app import run  # noqa: PLC0415 - half of a start's time
    except BaseException:
        await store.close()
        raise
    await run(settings, store, clock, stop, log_lines, collect_span)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop if it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 - there is no wheel for every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
