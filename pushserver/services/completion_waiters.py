"""Waiting for what becomes of a command, and for results to come."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes

Waiter = asyncio.Event


class CompletionWaiters:
    """Rings for those who wait until a command is over, or until any result came."""

    def __init__(self) -> None:
        self._commands: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._results: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._closed = False

    def command_waiter(self, command_id: int) -> AbstractContextManager[Waiter]:
        """Lend a bell that rings when the command is over."""
        return self._registered(self._commands, command_id)

    def results_waiter(self, scope_id: int) -> AbstractContextManager[Waiter]:
        """Lend a bell that rings when a result of the scope came."""
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

    def on_commit(self, changes: Changes) -> None:
        """Ring for whatever ended in these changes."""
        if self._commands:
            for move in changes.transitions:
                if move.command.is_finished:
                    _notify_all(self._commands.get(move.command.id, ()))
        if self._results:
            for result in changes.results:
                _notify_all(self._results.get(result.scope_id, ()))

    def on_notice(self, notice: ChangeNotice) -> None:
        """Ring for what ended, or came, on other servers."""
        command_ids = list(self._commands) if notice.everything else notice.over
        for command_id in command_ids:
            _notify_all(self._commands.get(command_id, ()))
        scope_ids = list(self._results) if notice.everything else notice.results
        for scope_id in scope_ids:
            _notify_all(self._results.get(scope_id, ()))

    @property
    def is_closed(self) -> bool:
        """Tell whether nobody may wait any more."""
        return self._closed

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        for waiters in (*self._results.values(), *self._commands.values()):
            _notify_all(waiters)

    def _new_waiter(self) -> Waiter:
        waiter = Waiter()
        if self._closed:
            waiter.set()
        return waiter


async def wait_at_most(waiter: Waiter, seconds: float) -> None:
    """Wait until *waiter* rings, at most *seconds*."""
    try:
        async with asyncio.timeout(seconds):
            await waiter.wait()
    except TimeoutError:
        return


def _notify_all(waiters: set[Waiter] | tuple[()]) -> None:
    for bell in waiters:
        bell.set()
