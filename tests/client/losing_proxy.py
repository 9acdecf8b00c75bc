"""A proxy that passes calls on and loses answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import attrs

_CHUNK = 2**16


@attrs.define
class LosingProxy:
    """
    Passes connections on to *target*; of the next `losses` calls it loses the answer.

    `calls`: the head of each call that it passed on.
    """

    target: str
    losses: int = 0
    calls: list[bytes] = attrs.field(factory=list)
    url: str = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["LosingProxy"]:
        """Listen for the length of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there = urlsplit(self.target)
        up_reader, up_writer = await asyncio.open_connection(there.hostname, there.port)
        try:
            while request := await reader.read(_CHUNK):
                self.calls.append(request)
                up_writer.write(request)
                answer = await up_reader.read(_CHUNK)
                if self.losses:
                    self.losses -= 1
                    return
                writer.write(answer)
        finally:
            for each in (writer, up_writer):
                each.close()
