"""Unknown requests: what a terminal tells is acknowledged, everything else is 404."""

import asyncio
import json
from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.local_server import DEVICE, TOKEN, LocalServer, Response


def is_empty_404(answer: Response) -> bool:
    """Return whether nothing is there, without a word."""
    length = answer.headers.get("Content-Length")
    return (answer.status, answer.body, length) == (404, b"", "0")


#: (method, path, body): notices that carry the device's id somewhere.
NOTICES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    (
        "POST",
        "/api/notifications/door",
        {"door": {"id": 1, "open": True}, "device_id": DEVICE, "time": 1},
    ),
    ("POST", "/api/notifications/dao", {"object_changes": [], "device_id": DEVICE}),
    ("POST", "/x/api/notifications/pin", {"device_id": str(DEVICE)}),
    ("POST", "//api//notifications/door/", {"device_id": DEVICE}),
    ("POST", "/api/v1/api/notifications/door", {"device_id": DEVICE}),
    ("POST", f"/push?deviceId={DEVICE}", {"c": 3}),
    ("PUT", f"/d/a-key/push/push/?deviceId={DEVICE}", None),
    ("GET", f"/x/result/?deviceId={DEVICE}", None),
)
#: Questions that nobody here decides, and paths that no device should call.
QUESTIONS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("POST", f"/new_user_identified.fcgi?device_id={DEVICE}", {"a": 1}),
    ("POST", f"/session_is_valid.fcgi?deviceId={DEVICE}", None),
    ("GET", f"/device_is_alive.fcgi?device_id={DEVICE}", None),
    ("POST", "/new_card.fcgi", {"device_id": DEVICE}),
    ("POST", f"/d/a-key/new_card.fcgi/?device_id={DEVICE}", None),
    ("POST", f"/api/device_is_alive.fcgi?device_id={DEVICE}", None),
    ("POST", f"/api/v1/device_is_alive.fcgi?device_id={DEVICE}", None),
    ("POST", f"/anything/at/all?deviceId={DEVICE}", {"b": 2}),
    ("DELETE", f"/notifications/door?deviceId={DEVICE}", None),
)


@pytest.mark.parametrize(("method", "path", "body"), [*NOTICES, *QUESTIONS])
@pytest.mark.parametrize("adopted", [True, False])
async def test_shown(
    server: LocalServer,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    *,
    adopted: bool,
) -> None:
    """
    Such a call is shown on its device, so that a wrong setting can be recognised; a
    question gets no success, which would make the terminal wait for a decision.
    """
    if adopted:
        await server.api("PUT", f"/devices/{DEVICE}", {})
    else:
        await server.poll()
    data = None if body is None else json.dumps(body)

    answer = await server.request(method, path, data=data)

    is_notice = (method, path, body) in NOTICES
    assert answer.is_empty if is_notice else is_empty_404(answer)
    calls = (await server.get_device())["unknownCalls"]
    shown = calls["last"][-1]
    path = path.replace("a-key", "…")
    assert (method, path, data) == (shown["method"], shown["path"], shown.get("body"))
    assert shown["at"].endswith("Z")


ANONYMOUS = (
    "/api/notifications/device_is_alive",
    "/api/notifications/access_photo",
    "/new_user_identified.fcgi",
    "/user_get_image.fcgi",
    "/login.fcgi",
)


@pytest.mark.parametrize("path", ANONYMOUS)
@pytest.mark.parametrize("body", [b"", b"{", b'{"device_id":1e400}', b"\xff" * 9])
async def test_nobodys(server: LocalServer, path: str, body: bytes) -> None:
    """
    One that does not say whose it is gets the same answer, and is counted.
    """
    answer = await server.request("POST", path, data=body)

    is_notice = "notifications" in path
    assert answer.is_empty if is_notice else is_empty_404(answer)
    assert 1 == (await server.api("GET", "/server")).json()["counts"]["stray"]


async def test_kept_over_a_restart(server: LocalServer) -> None:
    """
    They are written, the last 20 of each device.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    for number in range(45):
        await server.request("POST", f"/{number}.fcgi?device_id={DEVICE}")
        await server.services.write_behind.flush()

    written = await server.services.store.unknown_requests(DEVICE)

    assert [f"/{n}.fcgi?device_id={DEVICE}" for n in range(25, 45)] == [
        request.path for request in written
    ]


@each_case("method", ["GET", "HEAD", "POST", "OPTIONS"])
@each_case(
    "path", ["/", "/index.html", "/apis", "/d/key/x", "/pushx", "/x%0Ay", "/%FF"]
)
async def test_nothing_there(server: LocalServer, method: str, path: str) -> None:
    """
    Where nothing is, the answer is an empty 404, whoever asks.
    """
    answer = await server.request(method, path, headers={"Accept": "text/html"})

    assert is_empty_404(answer)


@each_case("expecting", ["", "Expect: 100-continue\r\n", "Expect: something\r\n"])
@each_case(
    "line", ["CONNECT x:80", "CONNECT /push?deviceId=1", "OPTIONS *", "GET http://x"]
)
async def test_no_path(server: LocalServer, line: str, expecting: str) -> None:
    """
    So it is for requests that name no path, at once, and they are counted.
    """
    counts = server.services.counts
    before = counts["stray"]
    head = f"{line} HTTP/1.1\r\nHost: x\r\n{expecting}\r\n"
    async with server.connect() as (reader, writer), asyncio.timeout(15):
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 100 " in answer:
            answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n")
    assert before + 1 == counts["stray"]


async def test_program_without_a_path(server: LocalServer) -> None:
    """
    A program's is a problem there, too.
    """
    head = "OPTIONS * HTTP/1.1\r\nHost: x\r\nAuthorization: x\r\n"

    answer = await server.send_raw(f"{head}Connection: close\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b'"detail":"There is nothing at *.","requestId":' in answer


@each_case(
    "path",
    [
        f"/api/v2/commands?deviceId={DEVICE}",
        f"//api/v2/commands/1/result?deviceId={DEVICE}",
        "/api",
        "/API/devices",
        f"/api/devices/{DEVICE}",
        "/api/devices/AQ/operations",
        f"/v5/iot/p/devices/x/commands?deviceId={DEVICE}",
        "/iocm/app/sec/v1.1.0/login",
        "/iodm/app/sub/v1.1.0/subscribe",
        "/api/v1/nothing",
        f"/elsewhere/api/v1/devices/{DEVICE}",
    ],
)
async def test_programs(server: LocalServer, path: str) -> None:
    """
    Below the paths of programs a 404 is a problem document, also without a token, and
    no device is said to have sent it.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    answer = await server.request("GET", path)

    assert (404, "not-found", None) == answer.problem
    assert "unknownCalls" not in await server.get_device()
    assert "stray" not in (await server.api("GET", "/server")).json()["counts"]


@each_case("authorization", [f"Bearer {TOKEN}", "Basic eDp5", "x"])
@each_case("path", [path for _, path, _ in (*NOTICES, *QUESTIONS)])
async def test_programs_with_a_token(
    server: LocalServer, path: str, authorization: str
) -> None:
    """
    Whoever sends an Authorization is a program, and gets no device's answer.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    headers = {"Authorization": authorization}

    answer = await server.request("PUT", path, headers=headers)

    assert (404, "not-found", None) == answer.problem
    assert b"a-key" not in answer.body
    assert "unknownCalls" not in await server.get_device()


async def test_enqueue_without_a_token(server: LocalServer) -> None:
    """
    A call that is there is refused for its missing token, as ever.
    """
    answer = await server.api("POST", "/devices/1/commands", {}, token=None)

    assert (401, "unauthorized", None) == answer.problem
