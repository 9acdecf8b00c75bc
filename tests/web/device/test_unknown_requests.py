"""Unknown requests of terminals: answered with an empty 200, counted, and shown."""

import json
from typing import Any

import pytest

from tests.web.local_server import DEVICE, LocalServer

#: (method, path, body): calls that carry the device's id somewhere.
CALLS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    (
        "POST",
        "/api/notifications/door",
        {"door": {"id": 1, "open": True}, "device_id": DEVICE, "time": 1},
    ),
    ("POST", "/api/notifications/dao", {"object_changes": [], "device_id": DEVICE}),
    ("POST", "/x/api/notifications/pin", {"device_id": str(DEVICE)}),
    ("POST", f"/new_user_identified.fcgi?device_id={DEVICE}", {"a": 1}),
    ("POST", f"/session_is_valid.fcgi?deviceId={DEVICE}", None),
    ("GET", f"/device_is_alive.fcgi?device_id={DEVICE}", None),
    ("POST", f"/anything/at/all?deviceId={DEVICE}", {"b": 2}),
    ("POST", f"/push?deviceId={DEVICE}", {"c": 3}),
)


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
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
    Such a call is shown on its device, so that a wrong setting can be recognised.
    """
    if adopted:
        await server.api("PUT", f"/devices/{DEVICE}", {})
    else:
        await server.poll()
    data = None if body is None else json.dumps(body)

    answer = await server.request(method, path, data=data)

    assert answer.is_empty
    calls = (await server.get_device())["unknownCalls"]
    shown = calls["last"][-1]
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
    One that does not say whose it is gets an empty 200 all the same, and is counted.
    """
    answer = await server.request("POST", path, data=body)

    assert answer.is_empty
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


async def test_people(server: LocalServer) -> None:
    """
    A person with a browser gets the answer that nothing is there.
    """
    answer = await server.request("GET", "/index.html")

    assert (404, "not-found", None) == answer.problem
