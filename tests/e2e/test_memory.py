"""Memory belongs to those who were let in, and they share a bounded part of it."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import aiohttp
import attrs
import msgspec
import pytest

from pushserver.client import Client
from pushserver.web.api.device_import import MAX_FILE
from tests.e2e.conftest import DEVICE
from tests.e2e.raw_connection import connect
from tests.program import Program
from tests.slow_reader import slow_reader

pytestmark = pytest.mark.proof_on("postgres")
ME = str(DEVICE)
MEBIBYTE = 1024 * 1024
#: So much may be taken above rest, whatever is sent.
BOUND = 150 * MEBIBYTE
#: The same while results of 60 MiB are shown: one of them, and the database's cache.
BOUND_OF_SHOWN = 115 * MEBIBYTE
#: The same while a call with very many bodies is taken.
BOUND_OF_BATCH = 130 * MEBIBYTE
#: The same while a hundred lists of a fleet are read.
BOUND_OF_LISTS = 50 * MEBIBYTE
#: As many devices as an import may have.
_FLEET = 100_000
_LARGE = 60 * MEBIBYTE
#: As many of them as there is room for at a time.
_LARGE_BODIES = 4
#: As many of them as are above any bound.
_TOO_MANY = 3


@attrs.define
class Peak:
    """The most memory that the program took, above where it began."""

    pid: int
    rest: int = 0

    def start(self) -> None:
        """Begin to measure."""
        (Path("/proc") / str(self.pid) / "clear_refs").write_text("5")
        self.rest = self._read("VmRSS")

    @property
    def taken(self) -> int:
        """The bytes above rest."""
        return self._read("VmHWM") - self.rest

    def _read(self, name: str) -> int:
        status = (Path("/proc") / str(self.pid) / "status").read_text()
        line = next(each for each in status.splitlines() if each.startswith(name))
        return int(line.split()[1]) * 1024


@contextmanager
def at_most(program: Program, bound: int) -> Iterator[None]:
    """Expect that the program takes no more than *bound* during the block."""
    peak = Peak(program.pid)
    peak.start()
    yield
    assert peak.taken < bound, f"{peak.taken / MEBIBYTE:.0f} MiB"


async def send_all(program: Program, head: str, size: int) -> bytes:
    """Send a body of *size*; return the status line."""
    async with connect(program) as (reader, writer):
        writer.write(f"{head}Host: x\r\nContent-Length: {size}\r\n\r\n".encode())
        piece = b'{"response":[' + b"1," * (MEBIBYTE // 2 - 20) + b"1]}"
        piece = piece.ljust(MEBIBYTE)
        try:
            for place in range(0, size, MEBIBYTE):
                writer.write(piece if place == 0 else b" " * MEBIBYTE)
                await writer.drain()
        except ConnectionError:
            pass
        return await reader.readline()


def strangers() -> Iterator[str]:
    """Yield requests of which the server wants no body."""
    for number in range(10):
        yield f"POST /result?deviceId={number + 77}&uuid=u HTTP/1.1\r\n"
        yield f"POST /nothing/{number} HTTP/1.1\r\n"
        yield "POST /api/v1/devices/import HTTP/1.1\r\nAuthorization: Bearer x\r\n"


async def test_strangers(server: Program) -> None:
    """
    Thirty bodies of 60 MiB from strangers are not kept.
    """
    with at_most(server, 50 * MEBIBYTE):
        await asyncio.gather(
            *(send_all(server, head, _LARGE) for head in strangers()),
            return_exceptions=True,
        )


async def test_asks_and_reads_nothing(server: Program, api: Client) -> None:
    """
    A connection whose answers nobody reads takes no more than one of them.
    """
    await api.commands.enqueue(ME, {"endpoint": "x", "body": "x" * 50_000})
    ask = (
        f"GET /api/v1/commands?include=body HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    ).encode()
    with at_most(server, 20 * MEBIBYTE):
        async with slow_reader(server.url) as reader:
            sending = asyncio.create_task(reader.send(ask * 5000))
            for _ in range(200):
                await api.devices.list()
            sending.cancel()


@pytest.fixture(name="long_list")
async def _long_list(api: Client) -> None:
    """Have a list whose pages are large."""
    await api.devices.put(ME)
    for _ in range(24):
        await api.commands.enqueue(ME, {"endpoint": "x", "body": "x" * 900_000})


@pytest.mark.usefixtures("long_list")
async def test_stalled_readers(server: Program, api: Client) -> None:
    """
    Forty readers that stall in a list hold files, not memory, and not too many of them.
    """
    ask = (
        f"GET /api/v1/commands?limit=1000&include=body HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    ).encode()
    with at_most(server, BOUND):
        async with AsyncExitStack() as stack:
            readers = [
                await stack.enter_async_context(slow_reader(server.url))
                for _ in range(40)
            ]
            for reader in readers:
                await reader.send(ask)
            heads = [await reader.read_answer() for reader in readers]
            await api.devices.list()
    served = [head for head, _ in heads if b" 200 " in head]
    assert 1 < len(served) < 40
    assert all(b"Retry-After: 1\r\n" in head for head, _ in heads if head not in served)


@pytest.fixture(
    name="ids", params=[_TOO_MANY, pytest.param(8, marks=pytest.mark.proof)]
)
def _ids(request: pytest.FixtureRequest) -> range:
    """Return the ids of devices: together their bodies are above any bound."""
    count: int = request.param
    return range(1, count + 1)


async def test_results(server: Program, api: Client, ids: range) -> None:
    """
    Results of 60 MiB that come at once are all taken, and one at a time is in memory.
    """
    for each in ids:
        await api.devices.put(str(each))
    with at_most(server, BOUND):
        answers = await asyncio.gather(
            *(
                send_all(server, f"POST /result?deviceId={each} HTTP/1.1\r\n", _LARGE)
                for each in ids
            )
        )

    assert [b"HTTP/1.1 200 OK\r\n"] * len(ids) == answers


async def test_results_of_commands(
    server: Program, api: Client, session: aiohttp.ClientSession, ids: range
) -> None:
    """
    So it is when as many programs wait for them, and when they read them again: one is
    in memory, once.
    """
    body = b'{"response":"' + b"x" * _LARGE + b'"}'
    for each in ids:
        await api.devices.put(str(each))
    with at_most(server, BOUND_OF_SHOWN):
        async with asyncio.TaskGroup() as tasks:
            waiting = [
                tasks.create_task(read_outcome(server, session, each)) for each in ids
            ]
            for each in ids:
                while not await poll(server, session, each):
                    pass
                url = f"{server.url}/result?deviceId={each}"
                assert 200 == (await session.post(url, data=BytesIO(body))).status
    commands = [each.result() for each in waiting]

    with at_most(server, BOUND_OF_SHOWN):
        answers = await asyncio.gather(
            *(read(server, session, "GET", f"/commands/{each}") for each in commands)
        )
    assert any(body[1:-1] in answer for answer in answers)


@pytest.mark.proof
async def test_result_with_many_readers(
    server: Program, session: aiohttp.ClientSession
) -> None:
    """
    So it is when eight programs wait for the same result of 60 MiB: each is told all.
    """
    body = b'{"response":"' + b"x" * _LARGE + b'"}'
    headers = {"Content-Type": "application/json"}
    path = f"/devices/{DEVICE}/commands"
    made = await read(server, session, "POST", path, headers, b'{"endpoint":"x"}')
    path = f"/commands/{msgspec.json.decode(made)['id']}?wait=60"
    with at_most(server, BOUND_OF_SHOWN):
        async with asyncio.TaskGroup() as tasks:
            waiting = [
                tasks.create_task(read_length(server, session, path)) for _ in range(8)
            ]
            while not await poll(server, session, DEVICE):
                pass
            url = f"{server.url}/result?deviceId={DEVICE}"
            assert 200 == (await session.post(url, data=BytesIO(body))).status

    assert all(each.result() > _LARGE for each in waiting)


async def read_length(
    program: Program, session: aiohttp.ClientSession, path: str
) -> int:
    """Call the API; return how long the answer is, of which a piece is here."""
    length, token = 0, {"Authorization": f"Bearer {program.token}"}
    async with session.get(f"{program.url}/api/v1{path}", headers=token) as answer:
        async for piece in answer.content.iter_any():
            length += len(piece)
    return length


async def test_commands_with_long_bodies(
    server: Program, session: aiohttp.ClientSession, ids: range
) -> None:
    """
    So it is with bytes of 60 MiB for devices: all of them are taken, and sent.
    """
    room = asyncio.Semaphore(_LARGE_BODIES)
    with at_most(server, BOUND):
        answers = await asyncio.gather(
            *(enqueue_bytes(server, session, room, each) for each in ids)
        )
        lengths = await asyncio.gather(*(poll_all(server, session, e) for e in ids))

    assert {hashlib.sha256(content_of(each)).hexdigest() for each in ids} == {
        msgspec.json.decode(each)["bodyBlob"] for each in answers
    }
    assert {_LARGE * 4 // 3} == {length // MEBIBYTE * MEBIBYTE for length in lengths}


async def test_commands_with_long_json(
    server: Program, session: aiohttp.ClientSession
) -> None:
    """
    So it is with JSON of commands and steps: devices get it byte for byte as it came.
    """
    ids = range(1, _TOO_MANY + 1)
    # On a busy machine they take many seconds to make: a connection that sends nothing
    # meanwhile would be closed.
    calls = [operation_call(ids[0]), *map(command_call, ids[1:])]
    with at_most(server, BOUND):
        await asyncio.gather(*(post_json(server, session, *each) for each in calls))
        digests = await asyncio.gather(
            *(poll_digest(server, session, each) for each in ids)
        )

    assert [hashlib.sha256(answer_to(each)).hexdigest() for each in ids] == digests


async def test_batch_of_bodies(server: Program, session: aiohttp.ClientSession) -> None:
    """
    So it is with many bodies in one call, each of them short enough to be no blob.
    """
    bodies = [b'"%s"' % ((b"%02d" % each) * 524_000) for each in range(60)]
    commands = [b'{"endpoint":"x","body":%s}' % each for each in bodies]
    with at_most(server, BOUND_OF_BATCH):
        path = f"/devices/{DEVICE}/commands/batch"
        await post_json(server, session, path, b"[%s]" % b",".join(commands))
        answer = await poll(server, session, DEVICE)

    assert bodies[0] in answer


async def test_imports(server: Program, session: aiohttp.ClientSession) -> None:
    """
    So it is with imports: those that wait for another are in files.
    """
    line = b'{"deviceId":1}'.ljust(60_000) + b"\n"
    headers = {
        "Content-Type": "application/x-ndjson",
        "Authorization": f"Bearer {server.token}",
    }
    url = f"{server.url}/api/v1/devices/import?dryRun=true"

    async def send() -> int:
        content = BytesIO(line * (MAX_FILE // len(line)))
        async with session.post(url, headers=headers, data=content) as answer:
            return answer.status

    with at_most(server, BOUND):
        statuses = await asyncio.gather(*(send() for _ in range(_LARGE_BODIES)))

    assert [200] * _LARGE_BODIES == statuses


def json_of(device: int) -> bytes:
    """Return a large JSON body that is no other device's."""
    return b'{ "n":1.50, "text":"' + (b"%d" % device) * _LARGE + b'"}'


def answer_to(device: int) -> bytes:
    """Return what the device gets of it."""
    return (
        b'{"verb":"POST","endpoint":"x","body":'
        + json_of(device)
        + b',"contentType":"application/json"}'
    )


def command_call(device: int) -> tuple[str, bytes]:
    """Return the path and text that enqueue a command with a large JSON body."""
    command = b'{"endpoint":"x","body":' + json_of(device) + b"}"
    return f"/devices/{device}/commands", command


def operation_call(device: int) -> tuple[str, bytes]:
    """Return those that begin an operation whose step has one."""
    step = b'{"endpoint":"x","body":' + json_of(device) + b"}"
    return "/operations", b'{"deviceId":"%d","steps":[' % device + step + b"]}"


async def post_json(
    program: Program, session: aiohttp.ClientSession, path: str, text: bytes
) -> None:
    """Make something of a large JSON text."""
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {program.token}",
    }
    url = f"{program.url}/api/v1{path}"
    async with session.post(url, headers=headers, data=BytesIO(text)) as answer:
        assert 201 == answer.status


async def poll_digest(
    program: Program, session: aiohttp.ClientSession, device: int
) -> str:
    """Poll; return the SHA-256 of the answer."""
    digest = hashlib.sha256()
    async with session.get(f"{program.url}/push?deviceId={device}") as answer:
        async for piece in answer.content.iter_any():
            digest.update(piece)
    return digest.hexdigest()


def content_of(device: int) -> bytes:
    """Return a large body that is no other device's."""
    return (b"%d" % device) * _LARGE


async def enqueue_bytes(
    program: Program,
    session: aiohttp.ClientSession,
    room: asyncio.Semaphore,
    device: int,
) -> bytes:
    """Enqueue a command with a body of bytes, when there is room for it."""
    path = f"/devices/{device}/commands?endpoint=firmware_part"
    headers = {
        "Content-Type": "application/octet-stream",
        "Authorization": f"Bearer {program.token}",
    }
    url = f"{program.url}/api/v1{path}"
    async with room:
        content = BytesIO(content_of(device))
        async with session.post(url, headers=headers, data=content) as answer:
            assert 201 == answer.status
            return await answer.read()


async def poll_all(
    program: Program, session: aiohttp.ClientSession, device: int
) -> int:
    """Poll; return how long the answer is, of which one piece at a time is here."""
    length = 0
    async with session.get(f"{program.url}/push?deviceId={device}") as answer:
        async for piece in answer.content.iter_any():
            length += len(piece)
    return length


async def poll(program: Program, session: aiohttp.ClientSession, device: int) -> bytes:
    """Poll; return the command, if there is one."""
    async with session.get(f"{program.url}/push?deviceId={device}") as answer:
        return await answer.read()


async def read_outcome(
    program: Program, session: aiohttp.ClientSession, device: int
) -> str:
    """Enqueue a command, wait for its outcome, and return its id."""
    path = f"/devices/{device}/commands"
    headers = {"Content-Type": "application/json", "Prefer": "wait=60"}
    answer = await read(program, session, "POST", path, headers, b'{"endpoint":"x"}')
    return str(msgspec.json.decode(answer)["id"])


async def read(
    program: Program,
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    body: bytes | None = None,
) -> bytes:
    """Call the API, and read its answer."""
    token = {"Authorization": f"Bearer {program.token}"}
    url = f"{program.url}/api/v1{path}"
    async with session.request(
        method, url, headers={**headers, **token}, data=body
    ) as answer:
        return await answer.read()


async def test_escaped_result(server: Program, session: aiohttp.ClientSession) -> None:
    """
    A result whose response is JSON in a string takes its size twice, and is stored.
    """
    body = b'{"response":"{\\"a\\":\\"' + b"x" * _LARGE + b'\\"}"}'
    path = f"/devices/{DEVICE}/commands"
    headers = {"Content-Type": "application/json"}
    made = await read(server, session, "POST", path, headers, b'{"endpoint":"x"}')
    assert await poll(server, session, DEVICE)
    url = f"{server.url}/result?deviceId={DEVICE}"
    with at_most(server, BOUND):
        assert 200 == (await session.post(url, data=BytesIO(body))).status

    command_id = msgspec.json.decode(made)["id"]
    shown = await read(server, session, "GET", f"/commands/{command_id}")
    assert b'"response":{"a":"' + b"x" * _LARGE + b'"}' in shown


@pytest.mark.proof
async def test_lists_of_a_fleet(
    server: Program, session: aiohttp.ClientSession
) -> None:
    """
    However many lists of a large fleet are read at once, they share what they look at.
    """
    lines = (f'{{"deviceId":{n},"tags":{{"site":"{n % 300}"}}}}' for n in range(_FLEET))
    headers = {
        "Content-Type": "application/x-ndjson",
        "Authorization": f"Bearer {server.token}",
    }
    url, fleet = (
        f"{server.url}/api/v1/devices/import",
        BytesIO("\n".join(lines).encode()),
    )
    async with session.post(url, headers=headers, data=fleet) as answer:
        assert 200 == answer.status
    paths = [f"/devices?tag=site:{number}" for number in range(60)]
    paths += ["/devices?sort=-lastSeenAt", "/devices?online=false"] * 20
    dry_run = b'{"targets":{"all":true},"steps":[{"endpoint":"x"}],"dryRun":true}'
    with at_most(server, BOUND_OF_LISTS):
        await asyncio.gather(
            *(read(server, session, "GET", path) for path in paths),
            *(preview_task(server, session, dry_run) for _ in range(10)),
        )


async def preview_task(
    program: Program, session: aiohttp.ClientSession, task: bytes
) -> None:
    """Ask which devices a task would be for."""
    kind = {"Content-Type": "application/json"}
    answer = await read(program, session, "POST", "/tasks", kind, task)
    assert _FLEET == msgspec.json.decode(answer)["devices"]
