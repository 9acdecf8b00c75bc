"""Nobody holds the event loop: the others are served while hostile requests come."""

import io
from collections.abc import Sequence

import aiohttp
import pytest

from pushserver.web.api.device_export import MAX_TAG_COLUMNS
from pushserver.web.api.types import MAX_ITEMS
from tests.e2e.hostile import HOSTILE, Hostile, commands
from tests.e2e.lag_watch import LagWatch, now, watching
from tests.e2e.raw_connection import connect
from tests.program import Program

pytestmark = pytest.mark.proof_on("postgres")
#: Seconds of the program's computing for which a cheap request may wait.
MAX_LAG = 0.05
#: The same while a list is read, of which a page is bounded.
MAX_LAG_OF_LIST = 0.025
#: What else it does now and then, such as collecting garbage, is not done each time.
TRIES = 4
#: What is sent every day: some of each kind. The proof sends everything.
EVERYDAY = (
    *("NaN in a thread", "quotes in a thread", "escaped", "form of escapes"),
    *("no UTF-8", "notification", "slashes", "poll", "NDJSON", "CSV of one record"),
    *("commands", "commands with a key", "shadow", "many targets", "lists", "import"),
    *("keys of devices", "devices", "the end"),
)


async def send(
    session: aiohttp.ClientSession, program: Program, hostile: Hostile
) -> int:
    """Send it; return the answer's status."""
    headers = dict(hostile.headers)
    if hostile.path.startswith("/api/v1"):
        headers["Authorization"] = f"Bearer {program.token}"
    url = program.url + hostile.path
    body = hostile.body()
    async with session.request(
        hostile.method, url, data=io.BytesIO(body) if body else None, headers=headers
    ) as answer:
        await answer.read()
        return answer.status


async def worst_lag(
    watch: LagWatch, session: aiohttp.ClientSession, program: Program, hostile: Hostile
) -> float:
    """Return how long a cheap request waits meanwhile, at the worst."""
    start = now()
    assert 500 > await send(session, program, hostile)
    end = now()
    # What waited until the end is known when what began after it is.
    while watch.newest < end:
        assert 200 == await send(session, program, Hostile("GET", "/healthz"))
    return watch.worst_since(start)


async def adopt(
    session: aiohttp.ClientSession, program: Program, *devices: str
) -> None:
    """Adopt devices."""
    for device in devices:
        path = f"/api/v1/devices/{device}"
        await send(session, program, Hostile("PUT", path, lambda: b"{}"))


async def prepare(session: aiohttp.ClientSession, program: Program) -> None:
    """Adopt two devices; for one of them very many commands wait."""
    await adopt(session, program, "77", "78")
    later = commands(1000).replace(
        b'{"endpoint"', b'{"notBefore":"2999-01-01T00:00:00Z","endpoint"'
    )
    path = "/api/v1/devices/78/commands"
    for _ in range(20):
        assert 201 == await send(session, program, Hostile("POST", path, lambda: later))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(EVERYDAY, id="everyday"),
        pytest.param(tuple(HOSTILE), id="all", marks=pytest.mark.proof),
    ],
)
async def test_lag(program: Program, names: Sequence[str]) -> None:
    """While a hostile request is served, no other one waits for it."""
    program.start(device_queue=1_000_000)
    late: dict[str, list[float]] = {}
    async with aiohttp.ClientSession() as session:
        await prepare(session, program)
        with watching(program) as watch:
            for name in names:
                hostile = HOSTILE[name]
                lags: list[float] = []
                while not lags or (min(lags) >= MAX_LAG and len(lags) < TRIES):
                    if name == "the end":
                        await prepare(session, program)
                    lags.append(await worst_lag(watch, session, program, hostile))
                if min(lags) >= MAX_LAG:
                    late[name] = lags

    assert {} == late


def fleet() -> bytes:
    """Return an import of devices whose tags have very many keys."""
    keys = [f'"{number}":""' for number in range(MAX_TAG_COLUMNS)]
    lines = (
        f'{{"deviceId":{n},"tags":{{{keys[n % len(keys)]}}}}}' for n in range(5000)
    )
    return "\n".join(lines).encode()


async def test_export(program: Program) -> None:
    """Nor while the fleet is exported as a table that is as wide as any."""
    program.start()
    path, kind = "/api/v1/devices/import", {"Content-Type": "application/x-ndjson"}
    export = Hostile("GET", "/api/v1/devices/export?format=csv")
    lags: list[float] = []
    async with aiohttp.ClientSession() as session:
        assert 200 == await send(session, program, Hostile("POST", path, fleet, kind))
        with watching(program) as watch:
            while not lags or (min(lags) >= MAX_LAG and len(lags) < TRIES):
                lags.append(await worst_lag(watch, session, program, export))

    assert MAX_LAG > min(lags)


def tagged_fleet() -> bytes:
    """Return an import of a page of devices that have all the tags they may have."""
    tags = ",".join(f'"key{number}":"{number}"' for number in range(MAX_ITEMS))
    lines = (f'{{"deviceId":{n},"tags":{{{tags}}}}}' for n in range(1000))
    return "\n".join(lines).encode()


async def test_list(program: Program) -> None:
    """Nor while a client of Kapua gets as long a page of devices as there is."""
    program.start()
    path, kind = "/api/v1/devices/import", {"Content-Type": "application/x-ndjson"}
    token = {"Authorization": f"Bearer {program.token}"}
    page = Hostile("GET", "/v1/_/devices?limit=1000", headers=token)
    lags: list[float] = []
    async with aiohttp.ClientSession() as session:
        devices = Hostile("POST", path, tagged_fleet, kind)
        assert 200 == await send(session, program, devices)
        with watching(program) as watch:
            while not lags or (min(lags) >= MAX_LAG_OF_LIST and len(lags) < TRIES):
                lags.append(await worst_lag(watch, session, program, page))

    assert MAX_LAG_OF_LIST > min(lags)


def large_fleet() -> bytes:
    """Return an import of very many devices."""
    return "\n".join(f'{{"deviceId":{n}}}' for n in range(100_000)).encode()


@pytest.mark.proof
@pytest.mark.parametrize("kind", ["text/csv", "application/json"])
async def test_keys(program: Program, kind: str) -> None:
    """Nor while very many devices get keys in one call."""
    program.start()
    path, lines = "/api/v1/devices/import", {"Content-Type": "application/x-ndjson"}
    headers = {"Content-Type": "application/json", "Accept": kind}
    body = b'{"targets":{"all":true}}'
    keys = Hostile("POST", "/api/v1/devices/keys", lambda: body, headers)
    lags: list[float] = []
    async with aiohttp.ClientSession() as session:
        many = Hostile("POST", path, large_fleet, lines)
        assert 200 == await send(session, program, many)
        with watching(program) as watch:
            while not lags or (min(lags) >= MAX_LAG and len(lags) < TRIES):
                lags.append(await worst_lag(watch, session, program, keys))

    assert MAX_LAG > min(lags)


async def send_tiny_chunks(program: Program) -> bytes:
    """Send a result in very many chunks; return the status line."""
    head = b"POST /result?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
    async with connect(program) as (reader, writer):
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        writer.write(b"1\r\n1\r\n" * 500_000 + b"0\r\n\r\n")
        await writer.drain()
        return await reader.readline()


async def test_tiny_chunks(program: Program) -> None:
    """Nor does one wait for a body whose chunks are a byte each, however many."""
    program.start()
    async with aiohttp.ClientSession() as session:
        await adopt(session, program, "77")
    lags: list[float] = []
    with watching(program) as watch:
        while not lags or (min(lags) >= MAX_LAG and len(lags) < TRIES):
            start = now()
            status_line = await send_tiny_chunks(program)
            assert b"HTTP/1.1 400 Bad Request\r\n" == status_line
            lags.append(watch.worst_since(start))

    assert MAX_LAG > min(lags)
