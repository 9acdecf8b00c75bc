"""Tasks that run without a caller waiting for them."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

import structlog

from pushserver.errors import Unavailable

log = structlog.get_logger(__name__)


class BackgroundTasks:
    """Runs tasks, logs their errors, and waits for them before the server stops."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run *coroutine* as a task; log what it raises."""
        # It acts for the server, whoever gave rise to it.
        task = asyncio.create_task(self._run_logged(coroutine), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_all(self) -> None:
        """Wait until all tasks are done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _run_logged(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Unavailable as error:
            log.warning("background_task.store_away", reason=error.detail)
        except Exception:
            log.exception("background_task.failed")
