"""A connection to the server that can be pulled out."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress


class TcpProxy:
    """A connection to the server that can be pulled out and put back."""

    def __init__(self, url: str) -> None:
        self._host, _, self._port = url.removeprefix("http://").partition(":")
        self._pipes: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen, always on the same port."""
        self._listener = await asyncio.start_server(
            self._on_connect, "127.0.0.1", self.port
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        self._listener.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.wait(self._pipes)

    async def _on_connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        upstream = await asyncio.open_connection(self._host, int(self._port))
        for source, sink in ((reader, upstream[1]), (upstream[0], writer)):
            pipe = asyncio.create_task(self._pipe(source, sink))
            self._pipes.add(pipe)

    async def _pipe(self, source: StreamReader, sink: StreamWriter) -> None:
        with suppress(ConnectionError):
            try:
                while data := await source.read(65_536):
                    sink.write(data)
            finally:
                sink.close()
