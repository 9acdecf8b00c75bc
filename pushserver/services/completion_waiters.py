"""Waiters for the end of commands, operations and tasks, and for new results."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from pushserver.model.change_notice import ChangeNotice

#: Seconds after which a caller looks again whatever it was told, among servers.
RECHECK_INTERVAL = 1.0

Waiter = asyncio.Event


class CompletionWaiters:
    """
    Wakes callers that wait for something to end, or for any result of a scope.

    Commands, operations and tasks end; no two of them have the same id.
    """

    def __init__(self) -> None:
        self._ends: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._results: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._closed = False

    def end_waiter(self, subject_id: int) -> AbstractContextManager[Waiter]:
        """Yield an event that is set when what has this id has ended."""
        return self._registered(self._ends, subject_id)

    def results_waiter(self, scope_id: int) -> AbstractContextManager[Waiter]:
        """Yield an event that is set when the scope has a new result."""
        return self._registered(self._results, scope_id)

    @contextmanager
    def _registered(
        self, waiters: defaultdict[int, set[Waiter]], key: int
    ) -> Iterator[Waiter]:
        waiter = self._new_waiter()
        waiters[key].add(waiter)
        try:
            yield waiter
        finally:
            waiters[key].discard(waiter)
            if not waiters[key]:
                del waiters[key]

    def on_over(self, notice: ChangeNotice) -> None:
        """Wake the waiters of what has ended."""
        ended_ids = list(self._ends) if notice.everything else notice.over
        for ended_id in self._ends.keys() & ended_ids:
            _notify_all(self._ends[ended_id])

    def on_results(self, notice: ChangeNotice) -> None:
        """Wake the waiters of scopes with new results."""
        scope_ids = list(self._results) if notice.everything else notice.results
        for scope_id in self._results.keys() & scope_ids:
            _notify_all(self._results[scope_id])

    @property
    def is_closed(self) -> bool:
        """Tell whether the server is stopping, so nobody may wait."""
        return self._closed

    def close(self) -> None:
        """Wake all waiters, and let nobody wait from now on."""
        self._closed = True
        for waiters in (*self._results.values(), *self._ends.values()):
            _notify_all(waiters)

    def _new_waiter(self) -> Waiter:
        waiter = Waiter()
        if self._closed:
            waiter.set()
        return waiter


async def wait_at_most(waiter: Waiter, seconds: float) -> None:
    """Wait until *waiter* is set, at most *seconds*."""
    try:
        async with asyncio.timeout(seconds):
            await waiter.wait()
    except TimeoutError:
        return


def _notify_all(waiters: Iterable[Waiter]) -> None:
    for waiter in waiters:
        waiter.set()
