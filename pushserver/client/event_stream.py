"""Parses server-sent events as they arrive."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Self

import attrs

from pushserver.client.answers import Json, read_object
from pushserver.client.errors import Unreachable
from pushserver.client.transport import translate_network_errors


@attrs.frozen
class StreamMessage:
    """
    A message of the stream: an event, or how many events were `missed`.

    `id` is where to resume after it.
    """

    type: str
    data: Json
    id: str | None


#: The most bytes of a line of a stream.
MAX_LINE = 64 * 1024 * 1024
#: The fields of a message that mean something here.
_FIELDS = frozenset({"id", "event", "data"})


@attrs.define
class EventStream:
    """
    The messages in *chunks* of bytes from *server*.

    `last_event_id` is where to resume; it also advances before the first event, and
    past events that the filter skips.
    """

    server: str
    chunks: AsyncIterable[bytes]
    last_event_id: str | None = None
    _messages: AsyncIterator[StreamMessage] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._messages = self._parse()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamMessage:
        """
        Return the next message.

        Raises:
            Unreachable: the server disconnected.
        """
        with translate_network_errors(self.server):
            return await anext(self._messages)

    async def _parse(self) -> AsyncIterator[StreamMessage]:
        fields: dict[str, str] = {}
        async for line in _split_lines(self.chunks):
            if line:
                # A line that begins with a colon is a comment: a field without a name.
                name, _, value = line.partition(":")
                if name in _FIELDS:
                    fields[name] = value.removeprefix(" ")
                continue
            self.last_event_id = fields.get("id", self.last_event_id)
            if "data" in fields:
                yield self._message(fields)
            fields = {}

    def _message(self, fields: dict[str, str]) -> StreamMessage:
        try:
            data = read_object(fields["data"])
        except (ValueError, RecursionError):
            detail = f"{self.server} does not send JSON. Is a pushserver there?"
            raise Unreachable(detail) from None
        return StreamMessage(fields.get("event", "message"), data, self.last_event_id)


async def _split_lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """Yield complete lines without their ends."""
    incomplete = bytearray()
    async for chunk in chunks:
        if len(incomplete) > MAX_LINE:
            raise ValueError(f"a line of the stream has more than {MAX_LINE} bytes")
        incomplete += chunk
        *lines, incomplete = incomplete.split(b"\n") if b"\n" in chunk else [incomplete]
        for line in lines:
            yield line.decode(errors="replace").removesuffix("\r")
