"""Every way that an error can leave: one shape, and nothing internal shown."""

import pytest
import structlog

from tests.each_case import each_case
from tests.web.local_server import DEVICE, LocalServer


@each_case(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/tokens", {"GET", "HEAD", "POST"}),
        ("DELETE", "/devices", {"GET", "HEAD"}),
        ("PUT", "/commands/1", {"DELETE", "GET", "HEAD"}),
        ("GET", "/commands/1/retry", {"POST"}),
        ("POST", "/results", {"GET", "HEAD"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("PUT", f"/devices/{DEVICE}/commands", {"DELETE", "GET", "HEAD", "POST"}),
        ("OPTIONS", "/devices/1", {"DELETE", "GET", "HEAD", "PATCH", "PUT"}),
        ("TRACE", "/devices/1", {"DELETE", "GET", "HEAD", "PATCH", "PUT"}),
        ("PUT", "/devices/import", {"POST"}),
        ("PATCH", "/devices/export", {"GET", "HEAD"}),
        ("GET", "/devices/keys", {"POST"}),
        ("DELETE", "/commands/cancel", {"POST"}),
    ],
)
async def test_other_method(
    server: LocalServer, method: str, path: str, allowed: set[str]
) -> None:
    """
    A method that a call has not is 405 and says which there are.
    """
    answer = await server.api(method, path)

    assert (405, "method-not-allowed", None) == answer.problem
    assert allowed == set(answer.headers["Allow"].replace(" ", "").split(","))


@each_case(
    "path", ["/nothing", "", "/", "/devices/", "/devices/1/x", "/devices//commands"]
)
async def test_nothing_there(server: LocalServer, path: str) -> None:
    """
    A path that the API has not is 404.
    """
    answer = await server.api("GET", path)

    assert (404, "not-found", None) == answer.problem


async def test_unexpected(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What nobody expected is "Internal error." to programs and a traceback to the log.
    """

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a secret inside")

    monkeypatch.setattr(type(server.services.device_list), "page", breaks)
    with structlog.testing.capture_logs() as logs:
        answer = await server.api("GET", "/devices")

    assert (500, "internal", None) == answer.problem
    assert b"secret" not in answer.body
    assert answer.json()["detail"].startswith("Internal error.")
    assert ["request.failed"] == [
        line["event"] for line in logs if line["log_level"] == "error"
    ]


async def test_unexpected_of_a_device(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The same goes for a device's call.
    """

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a secret inside")

    monkeypatch.setattr(type(server.services.admission), "admit", breaks)

    answer = await server.poll()

    assert (500, "internal", None) == answer.problem
    assert b"secret" not in answer.body


async def test_one_line_a_request(server: LocalServer) -> None:
    """
    Each request is one line with its status; idle polls are only counted.
    """
    await server.enqueue()
    with structlog.testing.capture_logs() as logs:
        await server.poll()
        await server.post_result()
        await server.poll()
        await server.api("GET", "/commands/1")

    lines = [line for line in logs if line["event"] == "request"]
    assert [("/push", 200), ("/result", 200), ("/api/v1/commands/1", 404)] == [
        (line["path"], line["status"]) for line in lines
    ]
    assert all("ms" in line for line in lines)


@pytest.mark.parametrize(
    "path",
    [
        "/d/{}/result",
        "/d//{}/result",
        "//d/{}/push/result",
        "/%64/{}/result",
        "/d/d/{}/result",
        "/d%2F{}/result",
        "/api/v1/d/{}/result",
        "/d/{}/nothing.fcgi",
    ],
)
async def test_no_key_in_the_log(server: LocalServer, path: str) -> None:
    """
    However its address is written, a device's key is in no line.
    """
    await server.enqueue()
    key = (await server.api("POST", f"/devices/{DEVICE}/key")).json()["key"]
    with structlog.testing.capture_logs() as logs:
        answer = await server.post_result(path=path.format(key))

    assert answer.status in (200, 404)
    assert b"" == answer.body
    assert any(line["event"] == "request" for line in logs)
    assert key not in str(logs)
