"""The sender in trouble: it returns what went wrong, in words, and never raises."""

import asyncio
import gc
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from pushserver.clock import SECOND
from pushserver.services.ssrf_guard import SsrfGuard
from pushserver.workers.webhooks.bounded_response import MAX_ANSWER, BoundedResponse
from pushserver.workers.webhooks.send_result import SendResult
from pushserver.workers.webhooks.sender import (
    MAX_CONNECTIONS_PER_HOST,
    WebhookSender,
)
from tests.web.local_server import wait_until
from tests.workers.webhooks.receiver import respond_with, running_receiver, target

CERTIFICATE = Path(__file__).with_name("self-signed.pem")
ALLOW = "allow it with PUSHSERVER_WEBHOOK_ALLOW_NETWORKS."


@asynccontextmanager
async def raw_responder(raw: bytes) -> AsyncIterator[str]:
    """Have somebody on the loopback who says *raw* to everything; give the URL."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(65_536)  # else the answer may be lost at the close
        writer.write(raw)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def send(url: str, guard: SsrfGuard, **fields: Any) -> SendResult:
    """Send once with a guard of its own."""
    async with WebhookSender(guard, "1.2.3") as sender:
        return await sender.send(target(url, **fields))


async def hang(_: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


async def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection off, as a crash does."""
    assert request.transport is not None
    peer = request.transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def trickle(request: web.BaseRequest) -> web.StreamResponse:
    """Begin a good answer, and never end it."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a little")
    await hang(request)
    return response


async def test_hang(short_timeout_sender: WebhookSender) -> None:
    """A receiver that does not answer is left when the time is over."""
    async with running_receiver(hang) as receiver:
        sent = await short_timeout_sender.send(target(receiver.url))

    assert (False, None) == (sent.ok, sent.attempt.status)
    assert "No answer within 1 s." == sent.attempt.error
    assert SECOND // 5 <= sent.attempt.duration < 10 * SECOND


async def test_hanging_head(short_timeout_sender: WebhookSender) -> None:
    """An answer whose head does not end is none."""

    async def half(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\nX-A: b\r\n")
        return await hang(request)

    async with running_receiver(half) as receiver:
        sent = await short_timeout_sender.send(target(receiver.url))

    assert "No answer within 1 s." == sent.attempt.error


async def test_trickle(short_timeout_sender: WebhookSender) -> None:
    """A success whose answer does not end is a success; time bounds it, too."""
    async with running_receiver(trickle) as receiver:
        sent = await short_timeout_sender.send(target(receiver.url))

    assert (True, 200, "a little") == (
        sent.ok,
        sent.attempt.status,
        sent.attempt.answer,
    )
    assert sent.attempt.duration < 10 * SECOND


async def test_hanging_ones_hold_up_nobody(sender: WebhookSender) -> None:
    """When every place of a dead receiver is taken, another one is served."""
    arrived: asyncio.Queue[None] = asyncio.Queue()

    async def dead(request: web.BaseRequest) -> web.StreamResponse:
        arrived.put_nowait(None)
        return await hang(request)

    async with (
        running_receiver(dead) as first,
        running_receiver(respond_with()) as second,
    ):
        hanging = [
            asyncio.create_task(sender.send(target(first.url)))
            for _ in range(2 * MAX_CONNECTIONS_PER_HOST)
        ]
        async with asyncio.timeout(15):
            for _ in range(MAX_CONNECTIONS_PER_HOST):
                await arrived.get()
            sent = await sender.send(target(second.url))
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    assert sent.ok
    assert MAX_CONNECTIONS_PER_HOST == len(first.requests)


async def test_canceled(sender: WebhookSender) -> None:
    """A send that is canceled ends at once, and says nothing of it."""
    async with running_receiver(hang) as receiver:
        task = asyncio.create_task(sender.send(target(receiver.url)))
        await receiver.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_reset(sender: WebhookSender) -> None:
    """A connection that breaks is a failure."""
    async with running_receiver(reset) as receiver:
        sent = await sender.send(target(receiver.url))

    assert (False, None) == (sent.ok, sent.attempt.status)
    assert "The connection broke before the answer came." == sent.attempt.error


async def test_nobody_there(sender: WebhookSender) -> None:
    """A port where nobody listens is named."""
    port = unused_port()

    sent = await sender.send(target(f"http://127.0.0.1:{port}/"))

    assert (
        f"Cannot connect to 127.0.0.1:{port}: Connection refused." == sent.attempt.error
    )


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000]
)
async def test_no_http(sender: WebhookSender, raw: bytes) -> None:
    """What speaks no HTTP, or too much of it, is a failure."""
    async with raw_responder(raw) as url:
        sent = await sender.send(target(url))

    assert (False, None) == (sent.ok, sent.attempt.status)
    assert "The answer is no HTTP that could be read." == sent.attempt.error


async def test_closed_without_a_word(sender: WebhookSender) -> None:
    """A connection that is closed without an answer is a failure."""
    async with raw_responder(b"") as url:
        sent = await sender.send(target(url))

    assert "The connection broke before the answer came." == sent.attempt.error


async def test_broken_off_after_the_status(sender: WebhookSender) -> None:
    """What breaks off after the status does not take it back."""
    async with raw_responder(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthan"
    ) as url:
        sent = await sender.send(target(url))

    assert (True, "than") == (sent.ok, sent.attempt.answer)


@pytest.mark.usefixtures("no_collector")
async def test_broken_off_keeps_nothing(sender: WebhookSender) -> None:
    """Of an answer that broke off nothing waits for a collection of garbage."""
    async with raw_responder(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthan"
    ) as url:
        await sender.send(target(url))

    await wait_until(lambda: BoundedResponse not in map(type, gc.get_objects()))


async def test_unknown_host(
    sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that does not resolve is reported."""

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    sent = await sender.send(target("https://receiver.invalid/?t=secret"))

    assert "The host receiver.invalid does not resolve." == sent.attempt.error


async def test_self_signed(sender: WebhookSender) -> None:
    """A certificate that nobody vouches for is not trusted."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    async with running_receiver(respond_with(), tls=tls) as receiver:
        sent = await sender.send(target(receiver.url))

    assert [] == receiver.requests
    assert (
        "TLS failed: certificate verify failed: self-signed certificate."
        == sent.attempt.error
    )


async def test_no_tls(sender: WebhookSender) -> None:
    """A receiver that speaks no TLS behind an https URL is reported as such."""
    async with running_receiver(respond_with()) as receiver:
        url = receiver.url.replace("http://", "https://")
        sent = await sender.send(target(url))

    assert (sent.attempt.error or "").startswith("TLS failed: ")
    assert "_ssl.c" not in (sent.attempt.error or "")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:{}/", "127.0.0.1 is refused: loopback"),
        ("http://10.0.0.5:{}/", "10.0.0.5 is refused: private network"),
        ("http://[::1]:{}/", "::1 is refused: loopback"),
        (
            "http://[::ffff:127.0.0.1]:{}/",
            "::ffff:127.0.0.1 is refused: IPv4 written as IPv6 of 127.0.0.1, loopback",
        ),
        (
            "http://169.254.169.254:{}/latest/meta-data",
            "169.254.169.254 is refused: metadata service",
        ),
    ],
)
async def test_refused_address(url: str, message: str) -> None:
    """No connection is made to an address that is refused, written as it may be."""
    async with running_receiver(respond_with()) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        sent = await send(url.format(port), SsrfGuard(allow_http=True))

    assert [] == receiver.requests
    assert f"The address {message}; {ALLOW}" == sent.attempt.error


async def test_refused_name() -> None:
    """A name that leads inside is refused when the connection is to be made."""
    async with running_receiver(respond_with()) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        sent = await send(url, SsrfGuard(allow_http=True))

    assert [] == receiver.requests
    assert "is refused: loopback" in (sent.attempt.error or "")


@pytest.mark.parametrize("addresses", [["10.0.0.5", "127.0.0.1"], ["127.0.0.1"] * 2])
async def test_one_of_several_is_allowed(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """Of a name's addresses those that are refused are passed over."""

    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, 0, 0, "", (each, 0)) for each in addresses]

    guard = SsrfGuard(allow_http=True, networks=[ipaddress.ip_network("127.0.0.1")])
    async with running_receiver(respond_with()) as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        url = receiver.url.replace("127.0.0.1", "receiver.example")
        sent = await send(url, guard)

    assert (True, 1) == (sent.ok, len(receiver.requests))


async def test_plain_no_longer_allowed() -> None:
    """A URL that the settings do not allow any more is not used."""
    async with running_receiver(respond_with()) as receiver:
        sent = await send(receiver.url, SsrfGuard())

    assert [] == receiver.requests
    assert "The URL must be https" in (sent.attempt.error or "")


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X-Token": "hush\r\nX-Other: hush"}},
        {"headers": {"X-Tok en": "hush"}},
        {"secrets": ["whsec_hushx"]},
    ],
)
async def test_unfit(sender: WebhookSender, fields: dict[str, Any]) -> None:
    """A request that cannot be sent is a failure, reported without its secrets."""
    async with running_receiver(respond_with()) as receiver:
        sent = await sender.send(target(receiver.url, **fields))

    assert not sent.ok
    assert "hush" not in (sent.attempt.error or "")
    assert [] == [r for r in receiver.requests if "X-Other" in r.headers]


FLOODS = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, None),
    "extensions": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1;" + b"x" * 8000 + b"\r\nz\r\n",
        200,
    ),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_flood(sender: WebhookSender, kind: str) -> None:
    """Who answers without end, in words that say nothing, is read to a bound."""
    head, words, status = FLOODS[kind]

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(words)
                await writer.drain()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sent = await sender.send(target(f"http://127.0.0.1:{port}/"))

    too_much = "The receiver answered with more than 128 kB."
    assert status == sent.attempt.status
    assert (None if status else too_much) == sent.attempt.error
    assert sent.attempt.duration < 5 * SECOND


@pytest.mark.parametrize("over", [0, 1])
async def test_interim_answers(sender: WebhookSender, over: int) -> None:
    """As many bytes as the bound says come through, and one more does not."""
    interim, final = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n"
    end = b"Content-Length: 0\r\n\r\n"
    count = MAX_ANSWER // len(interim) - 4
    used = count * len(interim) + len(final) + len(end)
    filling = b"X: " + b"x" * (MAX_ANSWER + over - used - 5) + b"\r\n"
    async with raw_responder(interim * count + final + filling + end) as url:
        sent = await sender.send(target(url))

    assert (not over) == sent.ok


async def test_every_answer_has_its_own_bound(sender: WebhookSender) -> None:
    """What one answer took is not missing to the next one on its connection."""
    async with running_receiver(respond_with(200, "x" * 60_000)) as receiver:
        results = [await sender.send(target(receiver.url)) for _ in range(4)]

    assert [True] * 4 == [sent.ok for sent in results]
    assert 1 == len({request.peer for request in receiver.requests})


async def test_text_that_no_store_takes(sender: WebhookSender) -> None:
    """Bytes that are no text, and NUL, are replaced in what is kept of an answer."""
    head = b"HTTP/1.1 302 Found\r\nLocation: http://a/\xff\xed\xa0\x80x\r\n"
    async with raw_responder(head + b"Content-Length: 3\r\n\r\na\0b") as url:
        sent = await sender.send(target(url))

    assert "a\ufffdb" == sent.attempt.answer
    assert "http://a/\ufffd\ufffd\ufffd\ufffdx" in (sent.attempt.error or "")
