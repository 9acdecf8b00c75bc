"""Server-sent events, read as they come."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Self

import attrs
import msgspec

from pushserver.client.wire import Json, Unreachable, reaching


@attrs.frozen
class Message:
    """
    Something that the stream told: an event, or how many were `missed`.

    `id` is what to go on from after it.
    """

    type: str
    data: Json
    id: str | None


@attrs.define
class Stream:
    """
    What *chunks* of bytes from *server* tell.

    `last_event_id` is what to go on from: also before the first event, and where others
    were passed over that were not asked for.
    """

    server: str
    chunks: AsyncIterable[bytes]
    last_event_id: str | None = None
    _messages: AsyncIterator[Message] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._messages = self._read()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """
        Return the next message.

        Raises:
            Unreachable: the server went away.
        """
        with reaching(self.server):
            return await anext(self._messages)

    async def _read(self) -> AsyncIterator[Message]:
        fields: dict[str, str] = {}
        async for line in _lines(self.chunks):
            if line:
                # What begins with a colon is a comment: a field without a name.
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            self.last_event_id = fields.get("id", self.last_event_id)
            if "data" in fields:
                yield self._message(fields)
            fields = {}

    def _message(self, fields: dict[str, str]) -> Message:
        try:
            data = msgspec.json.decode(fields["data"], type=Json)
        except msgspec.DecodeError:
            said = f"{self.server} sends what is no JSON. Is a pushserver there?"
            raise Unreachable(said) from None
        return Message(fields.get("event", "message"), data, self.last_event_id)


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """Yield whole lines without their ends."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").removesuffix("\r")
