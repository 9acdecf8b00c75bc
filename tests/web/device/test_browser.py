"""A browser is no terminal: pages neither take orders nor post results."""

import pytest

from pushserver.web.browser import is_from_browser
from tests.web.local_server import DEVICE, OPEN_DOOR, LocalServer

HEADERS = [
    "Origin: https://page.example",
    "Referer: https://page.example/x",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Mode: no-cors",
    "Sec-Fetch-Dest: image",
    "Sec-Fetch-User: ?1",
    "sec-fetch-storage-access: active",
    'Sec-CH-UA: "Chromium";v="140"',
    "Sec-CH-UA-Mobile: ?0",
    "Sec-GPC: 1",
    "sec-purpose: prefetch",
    "ORIGIN: null",
    "referer: ",
]
PATHS = ["/push", "/x/push/push"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("path", PATHS)
async def test_poll(server: LocalServer, header: str, path: str) -> None:
    """
    A page's poll gets an empty answer and is counted; the order waits for the device.
    """
    await server.enqueue(OPEN_DOOR)
    target = f"{path}?deviceId={DEVICE}"

    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close"
    answer = await server.send_raw(f"{request}\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
    assert 1 == server.services.counts["refused.browser"]
    assert "lastSeenAt" not in await server.get_device()
    assert not (await server.poll()).is_empty


@pytest.mark.parametrize("header", HEADERS)
async def test_result(server: LocalServer, header: str) -> None:
    """
    A page's result is not stored, and ends nothing.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll()
    body = '{"response":{}}'

    answer = await server.send_raw(
        f"POST /result?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n{header}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
    )

    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
    assert 1 == server.services.counts["refused.browser"]
    assert "result" not in await server.get_command(command["id"])
    assert [] == await server.list_results()


async def test_unknown_device(server: LocalServer) -> None:
    """
    A page does not fill the quarantine.
    """
    headers = {"Origin": "https://page.example"}
    await server.request("GET", "/push?deviceId=7", headers=headers)

    assert [] == (await server.api("GET", "/devices")).json()["items"]


def test_terminals() -> None:
    """
    What terminals, programs and proxies send is no browser's.
    """
    names = (
        "Host User-Agent Accept Content-Type Content-Length Connection X-Forwarded-For"
        " X-Request-Id Set-Cookie Range Original Sec Refererx Origins Server"
    )

    assert not is_from_browser([*names.split(), ""])
