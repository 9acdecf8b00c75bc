"""Bounds what runs until somebody ends it: operations without steps, and tasks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from pushserver.services.stock_bounds import StockBounds
from pushserver.storage.base import Store

_OPERATIONS, _TASKS = "scope_operations", "scope_tasks"


@attrs.frozen
class Room:
    """Whether one more may be added: there are `present` of what `setting` bounds."""

    bounds: StockBounds
    setting: str
    present: int

    def require(self) -> None:
        """
        Require room for one more.

        Raises:
            LimitReached: there is none.
        """
        self.bounds.require_room(self.setting, self.present)


@attrs.frozen(repr=False)
class OpenBounds:
    """
    Counts what a scope has open, and what is being added to it right now.

    With several servers each knows only of what it adds itself, so a scope may have a
    few more than its bound.
    """

    store: Store
    bounds: StockBounds

    def adding_operation(self, scope_id: int) -> AbstractAsyncContextManager[Room]:
        """Yield the room for an operation without steps; the block may add one."""
        up_to = self.bounds.bounds.scope_operations
        count = self.store.operations.count_without_steps
        return self._counted(_OPERATIONS, scope_id, lambda: count(scope_id, up_to))

    def adding_task(self, scope_id: int) -> AbstractAsyncContextManager[Room]:
        """Yield the room for a task; the block may add one."""
        count = self.store.tasks.count_active
        return self._counted(_TASKS, scope_id, lambda: count(scope_id))

    @asynccontextmanager
    async def _counted(
        self, setting: str, scope_id: int, count: Callable[[], Awaitable[int]]
    ) -> AsyncIterator[Room]:
        with self.bounds.adding(setting, scope_id) as others:
            yield Room(self.bounds, setting, await count() + others)
