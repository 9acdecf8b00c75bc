"""A network between servers and their database that can be made to fail."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@attrs.define(eq=False)
class FaultyNetwork:
    """
    Carries connections to `database`; servers reach it at `url`.

    `latency`: seconds by which every transfer is delayed. While `flowing` is cleared,
    bytes are held back and neither end notices. A transfer with one of `cut_at` in it
    is lost, either way, and both ends notice.
    """

    database: str
    url: str = ""
    latency: float = 0.0
    cut_at: Collection[bytes] = ()
    flowing: asyncio.Event = attrs.Factory(asyncio.Event)
    _near: set[asyncio.StreamWriter] = attrs.Factory(set)
    _far: set[asyncio.StreamWriter] = attrs.Factory(set)
    _blackholed: set[asyncio.StreamWriter] = attrs.Factory(set)
    _tasks: set[asyncio.Task[None]] = attrs.Factory(set)

    @classmethod
    @asynccontextmanager
    async def in_front_of(cls, database: str) -> AsyncIterator[Self]:
        """Run a network that works for the duration of the block."""
        network = cls(database)
        network.flowing.set()
        server = await asyncio.start_server(network._carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        name = conninfo_to_dict(database)["dbname"]
        user = conninfo_to_dict(database).get("user", "postgres")
        network.url = f"postgresql://{user}@127.0.0.1:{port}/{name}?sslmode=disable"
        try:
            yield network
        finally:
            network.flowing.set()
            network._blackholed.clear()
            network.reset()
            server.close()
            await asyncio.gather(*network._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Reset every connection at both ends."""
        for writer in [*self._near, *self._far]:
            writer.transport.abort()

    def drop_far_end(self) -> None:
        """Let the database lose every connection without the servers noticing."""
        for writer in self._far:
            writer.transport.abort()

    def blackhole(self) -> None:
        """Stop forwarding on the open connections; neither end notices."""
        self._blackholed |= self._near | self._far

    @property
    def has_blackholed(self) -> bool:
        """Return whether there are such connections."""
        return bool(self._blackholed)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await self._connect()
        self._near.add(writer)
        self._far.add(far_writer)
        directions = (self._copy(reader, far_writer), self._copy(far_reader, writer))
        await asyncio.gather(
            *map(self._create_task, directions), return_exceptions=True
        )
        for each in (writer, far_writer):
            each.transport.abort()
        for every in (self._near, self._far, self._blackholed):
            every -= {writer, far_writer}

    def _create_task(self, copying: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(copying)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _connect(self) -> Streams:
        conninfo = conninfo_to_dict(self.database)
        host, port = str(conninfo["host"]), int(conninfo.get("port", 5432) or 5432)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """
        Copy what comes; when the far end is gone the near one does not learn of it.
        """
        while data := await reader.read(65536):
            await asyncio.sleep(self.latency)
            await self.flowing.wait()
            if any(each in data for each in self.cut_at):
                self.reset()
                return
            if writer not in self._blackholed:
                writer.write(data)
                await writer.drain()
        if writer in self._far - self._blackholed:
            writer.transport.abort()


@contextmanager
def database_refusing(database: str) -> Iterator[None]:
    """Let the database end all connections and refuse new ones during the block."""
    name = conninfo_to_dict(database)["dbname"]
    other = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    terminate_sql = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    )
    with psycopg.connect(other, autocommit=True) as link:
        link.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        try:
            link.execute(terminate_sql, (name,))
            yield
        finally:
            link.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
