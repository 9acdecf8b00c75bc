"""Work that must be done though nobody waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from pushserver.errors import Unavailable

log = structlog.get_logger(__name__)


class Chores:
    """Tasks that are watched, and finished before the server stops."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* soon; what it raises is logged."""
        task = asyncio.create_task(self._watched(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait until everything is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Unavailable as error:
            log.warning("chore.store_away", reason=error.detail)
        except Exception:
            log.exception("chore.failed")
