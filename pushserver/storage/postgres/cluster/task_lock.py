"""The lock for advancing tasks: one server at a time, and one caller in it."""

import asyncio
from contextlib import suppress
from types import TracebackType

import attrs

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread

#: The first key of the advisory lock; `server_locks` has the others.
_TASK_LOCK = 3


@attrs.define(eq=False)
class TaskLock:
    """
    A lock for all servers, on a connection of its own: if that is lost, so is the lock.

    Raises:
        Unavailable: the database is away, or another server takes too long.
    """

    connection_thread: ConnectionThread
    _local_lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _release_task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    async def __aenter__(self) -> None:
        await self._local_lock.acquire()
        try:
            await self.connection_thread.run(_lock)
        except BaseException:
            # The database may still grant the lock: release it for the others.
            self._release_task = asyncio.create_task(self._release())
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._release()

    async def _release(self) -> None:
        try:
            with suppress(Unavailable):
                await self.connection_thread.run(_unlock)
        finally:
            self._local_lock.release()


def _lock(connection: Connection) -> None:
    connection.execute(f"SELECT pg_advisory_lock({_TASK_LOCK}, 0)")


def _unlock(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_unlock_all()")
