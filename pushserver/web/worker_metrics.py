"""The numbers of all processes on one port: each tells the others its own.

A scrape reaches any of them. In a folder that the supervisor made, each has a socket,
`NUMBER.metrics`, on which it writes its numbers to whoever connects.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import msgspec
import structlog

from pushserver.metrics.exposition import SamplesByWorker
from pushserver.metrics.samples import Sample

log = structlog.get_logger(__name__)

#: Seconds for which another process is waited for; its numbers are missing then.
_TIMEOUT = 2.0
_SUFFIX = ".metrics"
_decode = msgspec.msgpack.Decoder(list[Sample]).decode


@attrs.define(eq=False)
class WorkerMetrics:
    """
    Asks every process on the port for its numbers.

    `read` returns this one's. `socket` is where it tells them; None: it is alone.
    """

    read: Callable[[], Awaitable[Sequence[Sample]]]
    socket: Path | None = None

    async def read_all(self) -> SamplesByWorker:
        """Return the numbers of each process that answers, by its number."""
        if self.socket is None:
            return {"": await self.read()}
        mine, folder = self.socket, self.socket.parent
        others = [each for each in folder.glob(f"*{_SUFFIX}") if each != mine]
        own, *answers = await asyncio.gather(self.read(), *map(_ask, others))
        found = zip((mine, *others), (own, *answers), strict=True)
        return {
            socket.name.removesuffix(_SUFFIX): samples
            for socket, samples in found
            if samples is not None
        }

    @asynccontextmanager
    async def sharing(self, socket: Path | None) -> AsyncIterator[None]:
        """Tell the numbers on *socket* for the length of the block; None: nowhere."""
        self.socket = socket
        if socket is None:
            yield
            return
        server = await asyncio.start_unix_server(
            partial(_send_samples, self.read), socket
        )
        try:
            yield
        finally:
            server.close()


async def _send_samples(
    read: Callable[[], Awaitable[Sequence[Sample]]],
    _reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        writer.write(msgspec.msgpack.encode(await read()))
        await writer.drain()
    except OSError:
        # Whoever asked has gone.
        pass
    finally:
        writer.close()


async def _ask(socket: Path) -> Sequence[Sample] | None:
    """Return the numbers of the process at *socket*; None: it does not answer."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                return _decode(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        log.warning("metrics.worker_silent", worker=socket.name, reason=repr(error))
        return None
