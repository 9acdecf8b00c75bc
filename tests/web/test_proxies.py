"""Behind a proxy: the client's address counts wherever an address does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from pushserver.services.wrong_tokens import FREE_TRIES
from pushserver.web.app_factory import build_app
from pushserver.web.connection_limits import ConnectionLimits
from pushserver.web.server import Runner
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    LocalServer,
    running_server,
    wait_until,
)

#: The proxy is this machine, as one address of it; the others are strangers.
PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
CLIENT, OTHER = "198.51.100.9", "2001:db8::9"
SPOOFED = "203.0.113.66"


def passed_on(client: str) -> dict[str, str]:
    """Return what the proxy adds to a request of *client*, who has spoofed one."""
    return {"X-Forwarded-For": f"{SPOOFED}, {client}"}


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server that believes the proxy."""
    async with running_server(database, clock, trusted_proxies=PROXY) as server:
        yield server


async def poll(server: LocalServer, headers: Mapping[str, str]) -> None:
    """Poll as the device by way of the proxy."""
    path = f"/push?deviceId={DEVICE}&uuid=u1"
    assert 200 == (await server.request("GET", path, headers=headers)).status


async def test_no_http(server: LocalServer) -> None:
    """What a trusted proxy passes on that is no HTTP, or too long, is refused."""
    long = "x" * 9000

    for status, head in ((400, "no header"), (431, f"X-Long: {long}")):
        request = f"GET /push HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n"
        answer = await server.send_raw(request.encode())
        assert f"HTTP/1.0 {status}" == answer[:12].decode()


async def test_device(server: LocalServer) -> None:
    """
    The address of a device, of its deliveries and of what it sends besides is its own.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    command = await server.enqueue()
    await poll(server, passed_on(CLIENT))
    await server.request(
        "POST", f"/nothing?deviceId={DEVICE}", data=b"{}", headers=passed_on(OTHER)
    )
    device = await server.get_device()
    deliveries = (await server.get_command(command["id"]))["deliveries"]

    assert CLIENT == device["address"]
    assert [CLIENT] == [each["address"] for each in deliveries]
    assert [OTHER] == [each["address"] for each in device["unknownCalls"]["last"]]


async def test_result_of_an_unknown_device(server: LocalServer) -> None:
    """
    A device that is seen first by its result has its own address, too.
    """
    await server.post_result(headers=passed_on(CLIENT))

    assert CLIENT == (await server.get_device())["address"]


async def test_conflict(server: LocalServer) -> None:
    """
    Two terminals with one id are noticed behind a proxy.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    for client in (CLIENT, SPOOFED, CLIENT):
        await poll(server, passed_on(client))

    assert 1 == (await server.get_device())["identityConflicts"]


async def test_audit(server: LocalServer) -> None:
    """
    Who did it is the caller behind the proxy.
    """
    headers = passed_on(CLIENT)
    await server.api("PUT", f"/devices/{DEVICE}", {}, headers=headers)
    await server.api(
        "POST", f"/devices/{DEVICE}/commands", dict(LOAD_USERS), headers=headers
    )
    entries = (await server.api("GET", "/audit")).json()["items"]

    assert {CLIENT} == {each["address"] for each in entries}
    assert {"device.adopt", "command.create"} <= {each["action"] for each in entries}


async def test_wrong_tokens(server: LocalServer) -> None:
    """
    Who guesses slows down himself alone, and the log says where he is.
    """
    ending = asyncio.Event()

    async def wait(_seconds: float) -> None:
        await ending.wait()

    server.services.wrong_tokens.sleep = wait

    async def guess(client: str) -> int:
        headers = passed_on(client)
        answer = await server.api("GET", "/devices", token="wrong", headers=headers)
        return answer.status

    for _ in range(FREE_TRIES):
        assert 401 == await guess(CLIENT)
    slow = asyncio.create_task(guess(CLIENT))
    await wait_until(lambda: server.services.counts["tokens.wrong"] > FREE_TRIES)
    other = await guess(OTHER)
    was_slow = not slow.done()
    ending.set()
    await slow
    with capture_logs() as logs:
        await server.services.wrong_tokens.log_tries()

    assert (True, 401) == (was_slow, other)
    assert {CLIENT: FREE_TRIES + 1, "2001:db8::/64": 1} == {
        line["address"]: line["count"] for line in logs
    }


async def test_stranger(server: LocalServer) -> None:
    """
    Who comes by no proxy has his own address, and no other URL, whatever he says.
    """
    headers = {
        "X-Forwarded-For": SPOOFED,
        "Forwarded": f"for={SPOOFED};host=evil.example;proto=https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Proto": "https",
    }
    token = {"Authorization": "Bearer admin-of-the-tests"}
    connector = aiohttp.TCPConnector(local_addr=(STRANGER, 0))
    async with aiohttp.ClientSession(
        server.url, connector=connector, headers=headers
    ) as session:
        await session.get(f"/push?deviceId={DEVICE}")
        made = await session.post(
            f"/api/v1/devices/{DEVICE}/commands", json=LOAD_USERS, headers=token
        )
        described = await (await session.get("/api/v1/openapi.json")).json()
    entries = (await server.api("GET", "/audit")).json()["items"]

    assert STRANGER == (await server.get_device())["address"]
    assert {STRANGER} == {each["address"] for each in entries}
    assert made.headers["Location"].startswith("/api/v1/commands/")
    assert [{"url": "/"}] == described["servers"]


LIMIT = 2


async def test_connections(database: str, clock: ManualClock) -> None:
    """
    A client has so many requests under way, and no more: polls beyond are answered
    empty, anything else is refused. Others come by the same proxy, which may also hide
    who calls, and what has ended does not count.
    """
    async with (
        running_server(
            database,
            clock,
            trusted_proxies=PROXY,
            connections_per_address=LIMIT,
            hold=60,
        ) as server,
        asyncio.timeout(20),
    ):
        await server.api("PUT", f"/devices/{DEVICE}", {})
        for number in range(3 * LIMIT):
            await server.api("PUT", f"/devices/{number}", {})

        async def poll_as(number: int, headers: Mapping[str, str]) -> int:
            path = f"/push?deviceId={number}"
            return (await server.request("GET", path, headers=headers)).status

        unnamed = range(LIMIT, 3 * LIMIT)
        polls = [
            *(asyncio.create_task(poll_as(n, passed_on(CLIENT))) for n in range(LIMIT)),
            *(asyncio.create_task(poll_as(n, {})) for n in unnamed),
        ]
        await server.wait_for_held_polls(3 * LIMIT)
        beyond = await poll_as(DEVICE, passed_on(CLIENT))
        refused = await server.api("GET", "/devices", headers=passed_on(CLIENT))
        result = await server.post_result(headers=passed_on(CLIENT))
        other = await server.api("GET", "/devices", headers=passed_on(OTHER))
        for each in polls:
            each.cancel()
        await server.wait_for_held_polls(0)

        async def is_served() -> bool:
            answer = await server.api("GET", "/devices", headers=passed_on(CLIENT))
            return answer.status == 200

        await wait_until(is_served)

    assert (200, 429, 429, 200) == (beyond, refused.status, result.status, other.status)
    assert (429, "too-many", None) == refused.problem


async def test_unix_socket(
    database: str, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A proxy that comes by a Unix socket is believed if `unix` is trusted.
    """
    monkeypatch.chdir(tmp_path)
    for trusted, address in (("unix", CLIENT), ("10.0.0.0/8", None)):
        async with (
            running_server(database, clock, trusted_proxies=trusted) as server,
            AsyncExitStack() as stack,
        ):
            runner = Runner(
                build_app(server.services), ConnectionLimits(server.services.counts)
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, "socket").start()
            connector = aiohttp.UnixConnector("socket")
            session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=connector)
            )
            url = f"http://x/push?deviceId={DEVICE}"
            answer = await session.get(url, headers=passed_on(CLIENT))

            assert 200 == answer.status
            assert address == (await server.get_device()).get("address")
            await server.api("DELETE", f"/devices/{DEVICE}")
