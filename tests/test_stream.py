"""How the client reads server-sent events, wherever their bytes are cut."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from pushserver.client import EventStream, StreamMessage, Unreachable

STREAM_BYTES = (
    b": listening\nid: 4\n\n"
    b'id: 5\nevent: command.status\ndata: {"a":"\xc3\xa9"}\n\n'
    b": still here\nid: 7\n\n"
    b'event: missed\r\ndata:{"missed":2}\r\n\r\n'
)


async def in_chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield *data* in pieces of *size* bytes."""
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
async def test_wherever_it_is_cut(size: int) -> None:
    """
    Messages are read with their types, data and ids, comments passed over.
    """
    stream = EventStream("here", in_chunks(STREAM_BYTES, size))
    messages = [message async for message in stream]

    assert [
        StreamMessage("command.status", {"a": "é"}, "5"),
        StreamMessage("missed", {"missed": 2}, "7"),
    ] == messages


async def test_where_to_go_on() -> None:
    """
    The last id is known before the first message, and after a remark.
    """
    stream = EventStream("here", in_chunks(STREAM_BYTES[:60], 60), last_event_id="1")
    before = stream.last_event_id
    with pytest.raises(StopAsyncIteration):
        await anext(stream)

    assert ("1", "4") == (before, stream.last_event_id)


async def test_broken_off() -> None:
    """
    A connection that breaks is a server that cannot be reached.
    """

    async def broken() -> AsyncIterator[bytes]:
        yield STREAM_BYTES[:30]
        raise aiohttp.ClientPayloadError("cut")

    with pytest.raises(Unreachable):
        await anext(EventStream("here", broken()))


async def test_stranger() -> None:
    """
    A server that sends what is no JSON is none of ours.
    """
    with pytest.raises(Unreachable, match="pushserver"):
        await anext(EventStream("here", in_chunks(b"data: hello\n\n", 99)))
