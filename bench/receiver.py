"""A receiver of webhooks that costs next to nothing: counts them and says 200.

    python -m bench.receiver --port 8090

`GET /count` says how many came so far.
"""

import asyncio
from typing import cast

from bench.serving import HOST, argument_parser, new_event_loop
from bench.wire import CONTENT_LENGTH_PATTERN

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_END = b"\r\n\r\n"


class CountingReceiver(asyncio.Protocol):
    """One connection; all of them count together."""

    count = 0

    def __init__(self) -> None:
        self._partial = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._partial += data
        while (head := self._partial.find(_END)) > 0:
            length = CONTENT_LENGTH_PATTERN.search(self._partial[:head] + b"\r\n")
            end = head + len(_END) + (0 if length is None else int(length[1]))
            if len(self._partial) < end:
                return
            request, self._partial = self._partial[:end], self._partial[end:]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            answer = str(CountingReceiver.count).encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
            self._transport.write(head + answer)
        else:
            CountingReceiver.count += 1
            self._transport.write(_OK)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(CountingReceiver, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(argument_parser().parse_args().port))
