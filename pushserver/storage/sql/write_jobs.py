"""What waits for its commit, and how it is told what became of it."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import attrs
import structlog

from pushserver.model.changes import Changes
from pushserver.storage.commands import CompletionCallback, Decision, Lookup
from pushserver.storage.sql.connection import SqlConnection

log = structlog.get_logger(__name__)

T = TypeVar("T")

CommitObserver = Callable[[Changes], None]


@attrs.define(eq=False)
class WriteJob:
    """A decision on a device's lane, or statements of somebody's own."""

    future: asyncio.Future[Any]
    device_id: int = -1
    decide: Decision[Any] | None = None
    lookup: Lookup | None = None
    on_done: CompletionCallback[Any] | None = None
    work: Callable[[SqlConnection], Any] | None = None
    value: Any = None

    def complete(self) -> None:
        """Give the value to whoever asked."""
        if self._call_on_done(self.value):
            self.future.set_result(self.value)

    def fail(self, error: Exception) -> None:
        """Give *error* to whoever asked."""
        if self._call_on_done(None):
            self.future.set_exception(error)

    def _call_on_done(self, value: Any) -> bool:
        """Tell `on_done`, once; return whether the caller still waits."""
        is_awaited = not self.future.done()
        on_done, self.on_done = self.on_done, None
        if on_done is not None:
            call_logged(on_done, value, is_awaited)
        return is_awaited


class WriteQueue(Protocol):
    """Takes jobs."""

    def submit(self, job: WriteJob) -> asyncio.Future[Any]:
        """Have *job* done; the future is done after its commit."""


@attrs.frozen
class SqlWriter:
    """Called with work, does it in a transaction shared with what else waits."""

    queue: WriteQueue

    async def __call__(self, work: Callable[[SqlConnection], T]) -> T:
        """
        Do *work*; return its value when it is on disk.

        Raises:
            Unavailable: the store is away.
        """
        future = asyncio.get_running_loop().create_future()
        value: T = await self.queue.submit(WriteJob(future, work=work))
        return value


def mark_stored(changes: Changes) -> None:
    """Note on what was written that the disk has it."""
    for command in changes.new_commands:
        command.stored_state = command.state
    for command in changes.changed_commands.values():
        command.stored_state = command.state
    for delivery in changes.new_deliveries:
        delivery.stored = True
    for operation in changes.operations.values():
        operation.version += operation.stored
        operation.stored = True
    for service in changes.services.values():
        service.stored = True


def call_logged(callback: Callable[..., None], *arguments: Any) -> None:
    """
    Call *callback*; what it raises is logged: the commit is made, or failed, already.
    """
    try:
        callback(*arguments)
    except Exception:
        log.exception("commit.listener_failed")
