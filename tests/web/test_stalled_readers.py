"""Peers that leave before their answer, or do not read it: nothing of it is left."""

import asyncio
import gc
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pytest
from aiohttp import web
from yarl import URL

from pushserver.server_process import _new_loop
from pushserver.web.connection import HttpConnection
from pushserver.web.fast_connection import FastLaneConnection
from pushserver.web.response import SmallResponse
from pushserver.web.spool import Spool
from pushserver.workers.young_garbage import YoungGarbage
from tests.clock import ManualClock
from tests.web.console.visitor import SAME_SITE, Visitor
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    RESET,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

#: What is in memory of a connection and its requests.
_KINDS = HttpConnection, web.BaseRequest, web.StreamResponse, SmallResponse, Spool
#: The kernel keeps no less than this on either side.
_LEAST_BUFFER = 2048
#: So many answers of some kilobytes are more than it keeps.
_REPEATS = 30
#: More than what is garbage needs to be collected, if it ever is.
_ROUNDS = 6
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "10"}
_OCTETS = {"Content-Type": "application/octet-stream"}
#: What strangers ask, and who was let in, in all ways in which an answer is written.
ASKED = [
    "GET /api/v1/docs",
    "GET /api/v1/openapi.json",
    "GET /console/sign-in",
    "GET /console/static/{stylesheet}",
    "GET /metrics",
    "GET /api/v1/commands/{command}",
    "GET /api/v1/commands?include=body",
    "GET /api/v1/blobs/{blob}",
    "GET /api/v1/devices",
    "GET /api/v1/devices/export",
    "GET /api/v1/devices/export?format=csv",
    "GET /api/v1/events?events=command.status",
    "GET /console/commands",
    "POST /console/commands/export",
    "GET /push?deviceId={of_command}",
    "GET /push?deviceId={of_blob}",
]
#: What waits until there is something to answer.
WAITING = [
    "GET /push?deviceId={of_held}",
    "GET /api/v1/commands/{command}?wait=30",
    "GET /api/v1/events?events=device.online",
    "GET /console/live?topics=commands",
]


@pytest.fixture(name="accepted")
def _accepted(monkeypatch: pytest.MonkeyPatch) -> list[HttpConnection]:
    """Return the connections that are accepted, for which little is kept in sending."""
    accepted: list[HttpConnection] = []
    accept = FastLaneConnection.connection_made

    def record(connection: HttpConnection, transport: asyncio.BaseTransport) -> None:
        raw_socket = transport.get_extra_info("socket")
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LEAST_BUFFER)
        accept(connection, transport)
        accepted.append(connection)

    monkeypatch.setattr(FastLaneConnection, "connection_made", record)
    return accepted


@pytest.mark.usefixtures("no_collector")
def test_nothing_is_left(
    subtests: pytest.Subtests,
    database: str,
    clock: ManualClock,
    accepted: list[HttpConnection],
) -> None:
    """
    Nothing is left of who leaves while they wait for an answer, or it for them, and no
    garbage that has become old: a server collects none of that.
    """

    async def leave_each() -> None:
        async with running_server(database, clock) as server:
            named = await prepare(server)
            accepted.clear()
            for asked in ASKED + WAITING:
                with subtests.test(asked):
                    is_gone = partial(has_no_more_than, collect_and_count())
                    has_come = waits if asked in WAITING else stalls
                    request = request_of(asked, named)
                    await leave(server, request, partial(any_of, accepted, has_come))
                    accepted.clear()
                    await wait_until(is_gone, within=5)

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(leave_each())


async def prepare(server: LocalServer) -> Mapping[str, str]:
    """Have answers that are long, and return the names that requests need for them."""
    visitor = Visitor(server)
    page = (await visitor.get("/sign-in")).body.decode()
    await visitor.sign_in()
    await server.request("GET", "/api/v1/docs")
    await server.request("GET", "/api/v1/openapi.json")
    await server.api("PUT", f"/devices/{DEVICE + 2}", {"hold": 60})
    for device in (DEVICE, DEVICE + 1, *range(1, 50)):
        await server.api("PUT", f"/devices/{device}", {"hold": 0})
    hook = {"url": "https://9.9.9.9/", "events": ["command.status"]}
    await server.api("POST", "/subscriptions", hook)
    command = await server.enqueue({**LOAD_USERS, "body": "x" * 900_000})
    for _ in range(30):
        await server.enqueue({**LOAD_USERS, "metadata": "y" * 9000})
    blob = await server.api("POST", "/blobs", bytes(900_000), headers=_OCTETS)
    set_image = {"endpoint": "user_set_image", "bodyBlob": blob.json()["id"]}
    await server.enqueue(set_image, DEVICE + 1)
    return {
        "blob": blob.json()["id"],
        "command": command["id"],
        "cookie": visitor.cookie,
        "of_command": str(DEVICE),
        "of_blob": str(DEVICE + 1),
        "of_held": str(DEVICE + 2),
        "stylesheet": page.partition("/console/static/")[2].partition('"')[0],
    }


def request_of(asked: str, named: Mapping[str, str]) -> bytes:
    """Return the request, as often as its answers are more than is taken."""
    headers = {"Host": "x"}
    if "/push" not in asked:
        headers |= {"Authorization": f"Bearer {TOKEN}", "Cookie": named["cookie"]}
    if "/events" in asked:
        headers["Last-Event-ID"] = "1"
    body = "format=csv" if asked.startswith("POST") else ""
    if body:
        headers |= SAME_SITE | _FORM
    if asked in WAITING:
        # The fast lane takes none of these: what it does is not kept by a task.
        headers["Connection"] = "close"
    head = [f"{asked.format_map(named)} HTTP/1.1", *map(": ".join, headers.items())]
    count = 1 if asked in WAITING else _REPEATS
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode() * count


async def leave(
    server: LocalServer, request: bytes, has_come: Callable[[], bool]
) -> None:
    """Ask, read nothing, and reset the connection once it has come so far."""
    url, young_garbage = URL(server.url), YoungGarbage()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LEAST_BUFFER)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.connect((str(url.host), url.port))
        client.sendall(request)
        await wait_until(has_come)
        for _ in range(_ROUNDS):
            await young_garbage.collect()


def any_of(
    connections: Sequence[HttpConnection], is_so: Callable[[HttpConnection], bool]
) -> bool:
    """Tell whether it is so with any of them."""
    return any(map(is_so, connections))


def stalls(connection: HttpConnection) -> bool:
    """Tell whether an answer waits for its reader."""
    return connection.writing_paused


def waits(connection: HttpConnection) -> bool:
    """Tell whether a request waits for its answer."""
    return connection.abandon is not None


def has_no_more_than(before: Counter[type]) -> bool:
    """Tell whether nothing is in memory that was not *before*."""
    return collect_and_count() <= before


def collect_and_count() -> Counter[type]:
    """Collect what is young, and count what is in memory."""
    gc.collect(1)
    kinds = Counter(map(type, gc.get_objects()))
    return Counter({k: n for k, n in kinds.items() if issubclass(k, _KINDS)})
