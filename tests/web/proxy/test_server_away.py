"""While the server is away: what nginx and Caddy say then, and what they log."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import unused_port
from yarl import URL

from tests.web.proxy.real_proxy import (
    HOST,
    Configure,
    RealProxy,
    configure_nginx,
    open_session,
    running_proxy,
)

KEY = "Zq3-Xk8_Lm2pWv9tRb6yNc4sHd7fGj1a"
DEVICE = "deviceId=4408801109440198"
#: What is asked, by whom; and the status and type that answer it.
POLLS = [
    f"/push?{DEVICE}",
    f"/d/{KEY}/push?{DEVICE}",
    f"//x//d/{KEY}/push/?{DEVICE}",
    f"/d/{KEY}/push/push?{DEVICE}",
    f"/d/result/push?{DEVICE}",
    f"/api/v1/d/{KEY}/push?{DEVICE}",
]
RESULTS = [
    f"/result?{DEVICE}",
    f"/d/{KEY}/result?{DEVICE}",
    f"/d/{KEY}/push//result/?{DEVICE}",
]
QUESTIONS = ["/new_user_identified.fcgi", f"/d/{KEY}/device_is_alive.fcgi?x=y"]
PROGRAMS = [
    "/api/v1/results",
    "/api/v1/devices/1/push-it",
    "/v1/_/devices/x/operations",
    "/authentication/user",
    "/readyz",
    "/metrics",
    "/console",
    "/",
    f"/{KEY}",
]


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Cut off whoever comes."""
    writer.transport.abort()


async def keep_silent(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer nothing until the other side goes."""
    await reader.read()
    writer.close()


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """Have no server."""
    yield f"127.0.0.1:{unused_port()}"


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Have a server that does not speak HTTP."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


hangs_up, keeps_silent = partial(listening, hang_up), partial(listening, keep_silent)
AWAY: dict[str, Callable[[], AbstractAsyncContextManager[str]]] = {
    "nobody": nobody,
    "hangs up": hangs_up,
}


@pytest.fixture(name="proxy", params=AWAY)
async def _proxy(
    request: pytest.FixtureRequest, configure: Configure, tmp_path: Path
) -> AsyncIterator[RealProxy]:
    """Return a proxy in front of nothing."""
    async with (
        AWAY[request.param]() as upstream,
        running_proxy(configure, tmp_path / "proxy", upstream) as proxy,
    ):
        yield proxy


async def ask(
    session: aiohttp.ClientSession, proxy: RealProxy, method: str, path: str
) -> tuple[int, str, bytes]:
    """Return the status, the type and the body of an answer."""
    url = URL(proxy.url + path, encoded=True)
    body = b'{"response":1}' if method == "POST" else None
    async with session.request(method, url, data=body) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_answers(proxy: RealProxy) -> None:
    """
    A poll is answered as if idle, a result is to be sent again, a question is nobody's,
    and a program gets a problem document. Nobody gets a page, and no key is logged.
    """
    async with open_session() as session:
        for path in POLLS:
            status, _, body = await ask(session, proxy, "GET", path)
            assert (200, b"") == (status, body), path
        for path in RESULTS:
            status, _, body = await ask(session, proxy, "POST", path)
            assert (503, b"") == (status, body.strip()), path
        for path in QUESTIONS:
            status, _, body = await ask(session, proxy, "POST", path)
            assert (404, b"") == (status, body.strip()), path
        for path in PROGRAMS:
            status, kind, body = await ask(session, proxy, "GET", path)
            assert (503, "application/problem+json") == (status, kind), path
            assert b'"urn:pushserver:problem:unavailable"' in body
    for line in (f"GET /d/{KEY}/push HTTP/9.9\r\n\r\n", f"GET /{KEY}/ \0\r\n\r\n"):
        async with proxy.connect() as writer:
            writer.write(f"{line}Host: {HOST}\r\n\r\n".encode())
            await writer.drain()

    assert KEY not in proxy.written()


async def test_silent_server(tmp_path: Path) -> None:
    """
    Nginx waits for a server that does not answer, and then takes it to be away.
    """
    async with (
        keeps_silent() as upstream,
        running_proxy(
            partial(configure_nginx, scale=100), tmp_path / "proxy", upstream
        ) as proxy,
        open_session() as session,
    ):
        poll, result = await asyncio.gather(
            ask(session, proxy, "GET", POLLS[1]),
            ask(session, proxy, "POST", RESULTS[1]),
        )

    assert (200, b"") == (poll[0], poll[2])
    assert (503, b"") == (result[0], result[2].strip())
    assert KEY not in proxy.written()
