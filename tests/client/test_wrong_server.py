"""What the client makes of a server that is none, or none that means well."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from pushserver.cli import completion, main
from pushserver.client import ApiError, Client, Unreachable, iter_items, transport

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def wrong_server(next_body: Callable[[], bytes | None]) -> AsyncIterator[str]:
    """Answer every call with the next body; without one, a byte now and then."""

    ended, tasks = asyncio.Event(), set[asyncio.Task[None] | None]()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tasks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            body = next_body()
            writer.write(HEAD + (body or b""))
            while body is None and not ended.is_set():
                writer.write(b" ")
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), 0.01)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ended.set()
        await asyncio.gather(*filter(None, tasks))


async def test_interim_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is not waited for that interim ones put off without an end."""
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.1)
    monkeypatch.setattr(transport, "HEAD_ALLOWANCE", 0.1)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0)  # others have their turn
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client(url, retry_for=0) as client, asyncio.timeout(15):
            with pytest.raises(Unreachable):
                await client.devices.list()


@pytest.mark.parametrize("over", [0, 1])
async def test_length(over: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer as long as the bound is read, and one with a byte more is refused."""
    monkeypatch.setattr(transport, "MAX_ANSWER", 1 << 20)
    body = b'{"items":[]}'.ljust((1 << 20) + over)
    async with wrong_server(lambda: body) as url, Client(url) as client:
        if over:
            with pytest.raises(ApiError, match="more than 1 MiB"):
                await client.devices.list()
        else:
            assert {"items": []} == await client.devices.list()


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([{"items": [{}], "nextCursor": "a"}], "does not end"),
        ([{"items": [], "nextCursor": "a"}], "does not end"),
        ([{"items": [{}], "nextCursor": each} for each in "abab"], "does not end"),
        ([{}], "no list"),
        ([{"items": [1]}], "no list"),
        ([{"items": [], "nextCursor": 1}], "no list"),
        ([[]], "without JSON"),
    ],
)
async def test_pages(pages: list[Any], words: str) -> None:
    """A list that is none, or that leads back to where it was, is an error."""
    left = iter(pages * 9)
    async with (
        wrong_server(lambda: json.dumps(next(left)).encode()) as url,
        Client(url) as client,
    ):
        with pytest.raises(ApiError, match=words):
            _ = [each async for each in iter_items(client.devices.list)]


async def test_deep_json() -> None:
    """JSON that is nested without end is no answer."""
    deep = b'{"a":' + b"[" * 100_000
    async with wrong_server(lambda: deep) as url, Client(url) as client:
        with pytest.raises(ApiError, match="without JSON"):
            await client.devices.list()


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b'{"items":[1]}', b'{"items":[{}]}', b"[" * 100_000, b"{", None],
)
async def test_completion_offers_nothing(
    body: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press of Tab offers nothing for answers of a wrong shape or without an end."""
    monkeypatch.setattr(completion, "PATIENCE", 0.3)
    async with wrong_server(lambda: body) as url:
        found = await asyncio.to_thread(
            completion.ask_server, "devices", "name", {}, server=url
        )

    assert [] == found


async def test_completion_offers_what_can_be_shown() -> None:
    """Ids with control characters are not offered, and names lose theirs."""
    items = [{"deviceId": "5\x1b[2J"}, {"deviceId": "6", "name": "a\nb\x1b"}]
    body = json.dumps({"items": items}).encode()
    async with wrong_server(lambda: body) as url:
        found = await asyncio.to_thread(
            completion.ask_server, "devices", "name", {}, server=url
        )

    assert [("6", "a b\ufffd")] == found


@pytest.mark.parametrize("body", [b'{"items":[{}]}', b"{}", b'{"items":[[]]}'])
async def test_doctor(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """The doctor says that it is no pushserver, whatever it answers."""
    async with wrong_server(lambda: body) as url:
        code = await asyncio.to_thread(main, ["doctor", "--server", url], {})

    assert 1 == code
    assert "wrong" in capsys.readouterr().out


@pytest.mark.parametrize("body", [b'{"items":[{}]}', b'{"items":[[]]}', b"{}"])
async def test_lists(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Every list shows what there is, or says in one line that it is none."""
    lists = ["devices", "commands", "operations", "tasks", "upgrades", "subscriptions"]
    async with wrong_server(lambda: body) as url:
        for name in (*lists, "tokens", "scopes"):
            line = [name, "list", "--server", url]
            code = await asyncio.to_thread(main, line, {})

            assert code == capsys.readouterr().err.count("\n"), name


async def test_a_long_number() -> None:
    """A whole number that Python does not read is its text, and hides nothing else."""
    number = "9" * 5000
    page = b'{"items":[{"id":"1","body":{"a":-%s,"b":1.50}},{"id":"2"}]}'
    async with (
        wrong_server(lambda: page % number.encode()) as url,
        Client(url, retry_for=0) as client,
    ):
        items = (await client.commands.list())["items"]

    assert [{"id": "1", "body": {"a": f"-{number}", "b": 1.5}}, {"id": "2"}] == items
