"""By which URL programs and devices are told to reach the server."""

from functools import partial

import pytest

from tests.clock import ManualClock
from tests.web.local_server import DEVICE, LOAD_USERS, running_server

PUBLIC = "https://www.example/push"
HOST = {"Host": "push.example:8080"}
PROXIED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "www.example",
    "X-Forwarded-Prefix": "/push",
}

#: The settings and headers, what stands before a path, and what before a device's.
CASES = [
    ({}, {}, "", None),
    ({}, HOST, "", "http://push.example:8080"),
    ({}, {"Host": "LocalHost.:80"}, "", None),
    ({}, {"Host": "[::1]:8080"}, "", None),
    ({}, {"Host": "[::1:a"}, "", None),
    ({}, {"Host": 'a/../"><script>'}, "", None),
    ({}, {"Host": "[2001:db8::1]"}, "", "http://[2001:db8::1]"),
    ({}, HOST | PROXIED, "", "http://push.example:8080"),
    ({"public_url": PUBLIC}, {}, PUBLIC, PUBLIC),
    ({"public_url": PUBLIC + "/"}, HOST, PUBLIC, PUBLIC),
    ({"trusted_proxies": "127.0.0.1"}, PROXIED, "/push", PUBLIC),
    ({"trusted_proxies": "127.0.0.1"}, HOST, "", "http://push.example:8080"),
    (
        {"trusted_proxies": "127.0.0.1", "public_url": "http://other.example:81"},
        PROXIED,
        "http://other.example:81",
        "http://other.example:81",
    ),
]


@pytest.mark.parametrize(("settings", "headers", "base", "device_base"), CASES)
async def test_urls(
    database: str,
    clock: ManualClock,
    settings: dict[str, str],
    headers: dict[str, str],
    base: str,
    device_base: str | None,
) -> None:
    """
    `Location`, `Link`, the description's `servers` and the key's `url` begin with the
    public URL, or with what a trusted proxy says; a device is given no address of this
    very machine.
    """
    async with running_server(database, clock, **settings) as server:
        call = partial(server.api, headers=headers)
        commands = f"/devices/{DEVICE}/commands"
        command = await call("POST", commands, dict(LOAD_USERS))
        await call("POST", commands, dict(LOAD_USERS))
        operation = await call(
            "POST", "/operations", {"deviceId": str(DEVICE), "steps": [LOAD_USERS]}
        )
        listed = await call("GET", "/commands?limit=1")
        described = await call("GET", "/openapi.json")
        key = await call("POST", f"/devices/{DEVICE}/key")

    for name, made in (("commands", command), ("operations", operation)):
        path = f"/api/v1/{name}/{made.json()['id']}"
        assert base + path == made.headers["Location"]
    cursor = listed.json()["nextCursor"]
    page = f"{base}/api/v1/commands?limit=1&cursor={cursor}"
    assert f'<{page}>; rel="next"' == listed.headers["Link"]
    assert [{"url": base or "/"}] == described.json()["servers"]
    url = device_base and device_base + key.json()["path"]
    assert url == key.json().get("url")
