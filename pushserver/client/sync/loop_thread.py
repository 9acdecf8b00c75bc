"""An event loop in a thread of its own, for callers that have none, or another one."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

import attrs

T = TypeVar("T")

_END: Any = object()


@attrs.define(eq=False)
class LoopThread:
    """
    Runs coroutines between start and stop; any thread may call.

    The thread is a daemon: a program that ends does not wait for it.
    """

    _loop: asyncio.AbstractEventLoop = attrs.field(
        factory=asyncio.new_event_loop, init=False
    )
    _thread: threading.Thread = attrs.field(init=False)
    _process: int = attrs.field(factory=os.getpid, init=False)
    _is_stopping: bool = attrs.field(default=False, init=False)
    #: Whoever collects garbage may submit while it submits: it may be taken twice.
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = threading.Thread(
            target=self._serve, name="pushserver-client", daemon=True
        )
        self._thread.start()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel_others())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """
        Return what *call* returns; an interrupt cancels it.

        Raises:
            RuntimeError: the thread is stopped, or is in the process that forked.
        """
        future = self._submit(call)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("The client was closed meanwhile.") from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield *items* as they come; whoever stops early closes them."""
        try:
            while (item := self.run(_next_of(items))) is not _END:
                yield item
        finally:
            if not self._is_stopping and self._process == os.getpid():
                self._submit(_close(items))

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Run *last*, cancel what else runs, and end the thread."""
        if self._process != os.getpid():
            last.close()
            return
        with self._lock:
            self._submit(self._stop_after(last))
            self._is_stopping = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    async def _stop_after(self, last: Coroutine[Any, Any, None]) -> None:
        try:
            await last
        finally:
            self._loop.stop()

    def _submit(self, call: Coroutine[Any, Any, T]) -> "Future[T]":
        try:
            if self._process != os.getpid():
                raise RuntimeError("Make a client of its own in a forked process.")
            with self._lock:
                if self._is_stopping:
                    raise RuntimeError("The client is closed.")
                return asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError:
            call.close()
            raise


async def _cancel_others() -> None:
    """Cancel all tasks but this one, and wait for their ends."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _next_of(items: AsyncIterator[T]) -> T:
    """Return the next item; `_END` after the last one."""
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
