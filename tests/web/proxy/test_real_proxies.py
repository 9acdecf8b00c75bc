"""What comes through nginx and Caddy, by the files in deploy/, is what there is."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.web.event_stream import open_event_stream
from tests.web.kapua.client import kapua_id
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    TOKEN,
    Response,
    wait_until,
)
from tests.web.proxy.conftest import ProxiedServer
from tests.web.proxy.real_proxy import HOST, open_session

pytestmark = pytest.mark.only_on("sqlite")

SPOOFED = "203.0.113.66"
#: More than proxies take by default, in bytes.
LARGE = 4 * 1024 * 1024
BEARER = {"Authorization": f"Bearer {TOKEN}"}
OPERATIONS = f"/_/devices/{kapua_id(DEVICE)}/operations"
NOTHING: dict[str, str] = {}
#: A request of each face: its method, path, headers and body.
REQUESTS: list[tuple[str, str, dict[str, str], Any]] = [
    ("GET", f"/push?deviceId={DEVICE}", NOTHING, None),
    ("GET", f"//d/KEY//push/?deviceId={DEVICE}&uuid=a%2Fb", NOTHING, None),
    ("GET", "/push", NOTHING, None),
    ("POST", f"/x/push/result?deviceId={DEVICE}", NOTHING, b'{"response":1}'),
    ("POST", f"/api/notifications/dao?device_id={DEVICE}", NOTHING, b"{}"),
    ("POST", "/device_is_alive.fcgi", NOTHING, b""),
    ("GET", "/api/v1/devices?limit=1", BEARER, None),
    ("GET", "/api/v1/devices", NOTHING, None),
    ("GET", "/api/v1/commands/1%2F2", BEARER, None),
    ("PATCH", f"/api/v1/devices/{DEVICE}", BEARER, b'{"name":"x"}'),
    ("DELETE", "/api/v1/devices", BEARER, None),
    ("OPTIONS", "/api/v1/devices", BEARER, None),
    ("GET", OPERATIONS, BEARER, None),
    ("POST", f"/v1{OPERATIONS}/_count", BEARER, b"{}"),
    ("POST", "/v1/authentication/apikey", NOTHING, b'{"apiKey":"wrong"}'),
    ("GET", "/healthz", NOTHING, None),
    ("HEAD", "/healthz", NOTHING, None),
    ("GET", "/readyz", NOTHING, None),
    ("GET", "/metrics", NOTHING, None),
    ("GET", "/console", NOTHING, None),
    ("GET", "/console/devices?x=a%20b;c", NOTHING, None),
    ("GET", "/", NOTHING, None),
]
#: What differs from one connection, or moment, to another.
_OF_THE_CONNECTION = frozenset(
    {"date", "connection", "keep-alive", "server", "transfer-encoding", "alt-svc"}
)


def shown(answer: Response) -> tuple[int, dict[str, str], bytes]:
    """Return what a program sees of an answer."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    kept = {k: v for k, v in headers.items() if k not in _OF_THE_CONNECTION}
    return answer.status, kept, answer.body


async def test_every_face(pair: ProxiedServer) -> None:
    """
    Devices, programs, Kapua's clients, probes, metrics and the console are answered as
    they are without a proxy.
    """
    await pair.direct.api("PUT", f"/devices/{DEVICE}", {"hold": 0})
    for method, path, headers, body in REQUESTS:
        usual = {"Content-Type": "application/json", "X-Request-Id": "door-7"}
        options = {"headers": headers | usual}
        if body is not None:
            options["data"] = body
        direct = await pair.direct.request(method, path, **options)
        proxied = await pair.proxied.request(method, path, **options)

        assert shown(direct) == shown(proxied), (method, path)


async def test_who_calls(pair: ProxiedServer) -> None:
    """
    The server knows the client's address and the URL that it called, whatever else the
    client says.
    """
    lies = {
        "Forwarded": f"for={SPOOFED};host=evil.example;proto=http",
        "X-Forwarded-For": SPOOFED,
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
    }
    path = f"/devices/{DEVICE}"
    async with open_session("127.0.0.2") as session:
        client = pair.proxy.in_front_of(pair.direct, session)
        await client.request("GET", f"/push?deviceId={DEVICE}", headers=lies)
        key = await client.api("POST", f"{path}/key", headers=lies)
        made = await client.api(
            "POST", f"{path}/commands", dict(LOAD_USERS), headers=lies
        )
    entries = (await pair.direct.api("GET", "/audit")).json()["items"]

    assert "127.0.0.2" == (await pair.direct.get_device())["address"]
    assert {"127.0.0.2"} == {each["address"] for each in entries}
    assert made.headers["Location"].startswith("/api/v1/commands/")
    assert pair.proxy.url + key.json()["path"] == key.json()["url"]


async def test_held_poll(pair: ProxiedServer) -> None:
    """
    A poll is held as long as the server holds it.
    """
    await pair.direct.api("PUT", f"/devices/{DEVICE}", {})
    answer = await pair.proxied.poll()

    assert (200, b"") == (answer.status, answer.body)
    assert 1 == pair.direct.services.counts["polls.idle"]


async def test_command_for_a_held_poll(pair: ProxiedServer) -> None:
    """
    A command comes through the poll that is held, and its result goes back.
    """
    await pair.direct.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    poll = asyncio.create_task(pair.proxied.poll(f"deviceId={DEVICE}&uuid=u1"))
    await pair.direct.wait_for_held_polls(1)
    command = await pair.proxied.enqueue()
    received = await poll
    result = await pair.proxied.post_result(query=f"deviceId={DEVICE}&uuid=u1")

    assert "load_objects" == received.json()["endpoint"]
    assert result.is_empty
    assert "SUCCESSFUL" == (await pair.direct.get_command(command["id"]))["state"]


async def test_device_hangs_up(pair: ProxiedServer) -> None:
    """
    The server learns at once that a device whose poll is held has gone.
    """
    await pair.direct.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    async with pair.proxy.connect() as writer:
        writer.write(
            f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        )
        await pair.direct.wait_for_held_polls(1)

    await pair.direct.wait_for_held_polls(0)


async def test_stream(pair: ProxiedServer) -> None:
    """
    An event is there the moment that it happens: nothing collects a stream.
    """
    async with open_event_stream(pair.proxied) as stream:
        for _ in range(3):
            command = await pair.direct.enqueue()

            assert command["id"] == (await stream.next_data())["commandId"]


async def test_large_bodies(pair: ProxiedServer) -> None:
    """
    What is large comes through, both ways.
    """
    await pair.direct.api("PUT", f"/devices/{DEVICE}", {})
    photo = "x" * LARGE
    posted = await pair.proxied.post_result(json.dumps({"response": photo}).encode())
    (result,) = await pair.proxied.list_results()

    assert posted.is_empty
    assert photo == result["response"]


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_body_as_it_comes(
    pair: ProxiedServer, received: bytearray, is_chunked: bool
) -> None:
    """
    A large body is passed on as it comes, not once it is complete.
    """
    await pair.direct.api("PUT", f"/devices/{DEVICE}", {})
    start, end = b'{"response":"' + b"x" * LARGE, b'"}'
    has_arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield start
        await has_arrived.wait()
        yield end

    length = {} if is_chunked else {"Content-Length": str(len(start) + len(end))}
    posting = asyncio.create_task(pair.proxied.post_result(body(), headers=length))
    await wait_until(lambda: len(received) >= LARGE)
    has_arrived.set()

    assert (await posting).is_empty
