"""What waits for its commit, and how it is told what became of it."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import attrs
import structlog

from pushserver.model.changes import Changes
from pushserver.storage.deciding import Decision, Recall, Then
from pushserver.storage.sql.connection import Connection

log = structlog.get_logger(__name__)

T = TypeVar("T")

Observer = Callable[[Changes], None]


@attrs.define(eq=False)
class Job:
    """A decision on a device's lane, or statements of somebody's own."""

    future: asyncio.Future[Any]
    device_id: int = -1
    decide: Decision[Any] | None = None
    recall: Recall | None = None
    then: Then[Any] | None = None
    work: Callable[[Connection], Any] | None = None
    value: Any = None

    def settle(self) -> None:
        """Give the value to whoever asked."""
        if self._told(self.value):
            self.future.set_result(self.value)

    def fail(self, error: Exception) -> None:
        """Give *error* to whoever asked."""
        if self._told(None):
            self.future.set_exception(error)

    def _told(self, value: Any) -> bool:
        """Tell `then`, once; return whether the caller still waits."""
        heard = not self.future.done()
        then, self.then = self.then, None
        if then is not None:
            watched(then, value, heard)
        return heard


class Commits(Protocol):
    """Takes jobs."""

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Have *job* done; the future is done after its commit."""


@attrs.frozen
class Writer:
    """Called with work, does it in a transaction shared with what else waits."""

    commits: Commits

    async def __call__(self, work: Callable[[Connection], T]) -> T:
        """
        Do *work*; return its value when it is on disk.

        Raises:
            Unavailable: the store is away.
        """
        future = asyncio.get_running_loop().create_future()
        value: T = await self.commits.submit(Job(future, work=work))
        return value


def confirm(changes: Changes) -> None:
    """Note on what was written that the disk has it."""
    for command in changes.added:
        command.stored = command.state
    for command in changes.commands.values():
        command.stored = command.state
    for delivery in changes.handed_out:
        delivery.stored = True
    for operation in changes.operations.values():
        operation.version += operation.stored
        operation.stored = True
    for service in changes.services.values():
        service.stored = True


def watched(tell: Callable[..., None], *news: Any) -> None:
    """Call *tell*; what it raises is logged: the commit is made, or failed, already."""
    try:
        tell(*news)
    except Exception:
        log.exception("commit.listener_failed")
