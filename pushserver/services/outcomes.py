"""Waiting for what becomes of a command, and for results to come."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pushserver.model.changes import Changes
from pushserver.model.news import News

Bell = asyncio.Event


class Outcomes:
    """Rings for those who wait until a command is over, or until any result came."""

    def __init__(self) -> None:
        self._commands: defaultdict[int, set[Bell]] = defaultdict(set)
        self._results: defaultdict[int, set[Bell]] = defaultdict(set)
        self._closed = False

    def of_command(self, command_id: int) -> AbstractContextManager[Bell]:
        """Lend a bell that rings when the command is over."""
        return self._lent(self._commands, command_id)

    def of_results(self, scope_id: int) -> AbstractContextManager[Bell]:
        """Lend a bell that rings when a result of the scope came."""
        return self._lent(self._results, scope_id)

    @contextmanager
    def _lent(self, lent: defaultdict[int, set[Bell]], what: int) -> Iterator[Bell]:
        bell = self._bell()
        lent[what].add(bell)
        try:
            yield bell
        finally:
            lent[what].discard(bell)
            if not lent[what]:
                del lent[what]

    def tell(self, changes: Changes) -> None:
        """Ring for whatever ended in these changes."""
        if self._commands:
            for move in changes.moves:
                if move.command.is_over:
                    _ring(self._commands.get(move.command.id, ()))
        if self._results:
            for result in changes.results:
                _ring(self._results.get(result.scope_id, ()))

    def hear(self, news: News) -> None:
        """Ring for what ended, or came, on other servers."""
        over = list(self._commands) if news.everything else news.over
        for command_id in over:
            _ring(self._commands.get(command_id, ()))
        scopes = list(self._results) if news.everything else news.results
        for scope_id in scopes:
            _ring(self._results.get(scope_id, ()))

    @property
    def is_closed(self) -> bool:
        """Tell whether nobody may wait any more."""
        return self._closed

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        for bells in (*self._results.values(), *self._commands.values()):
            _ring(bells)

    def _bell(self) -> Bell:
        bell = Bell()
        if self._closed:
            bell.set()
        return bell


async def ring_or_pass(bell: Bell, seconds: float) -> None:
    """Wait until *bell* rings, at most *seconds*."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return


def _ring(bells: set[Bell] | tuple[()]) -> None:
    for bell in bells:
        bell.set()
