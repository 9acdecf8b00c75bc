"""Running what a command does, until it is done or Ctrl-C ends it."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """
    Return what *work* returns.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it.
    """
    try:
        return asyncio.run(_until_interrupted(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """
    Be cancelled by SIGINT.

    `asyncio.run` would do so, too, but not wake a loop that was just about to wait: it
    would end with the next thing that happens, which may be long from now.
    """
    task = asyncio.current_task()
    # No other thread is told of signals.
    if task is not None and threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    return await work
