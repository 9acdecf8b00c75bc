"""Many servers over one PostgreSQL act as one, whichever is asked or killed."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pushserver.client import Client
from pushserver.simulate import ReceivedCommand, SimulatedDevice
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.test_device_life import LOAD_USERS, held
from tests.e2e.test_workers import listening
from tests.e2e.traffic import Traffic, check_promises
from tests.program import Program
from tests.web.local_server import wait_until

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput

pytestmark = pytest.mark.only_on("postgres")
ME = str(DEVICE)
#: Makes so many servers over the one database, started one after the other.
MakeServers = Callable[..., list[Program]]


@pytest.fixture(name="servers_of")
def _servers_of(tmp_path: Path, database: str) -> Iterator[MakeServers]:
    """Make servers on ports of their own."""
    servers: list[Program] = []

    def make(number: int, **settings: object) -> list[Program]:
        for each in range(number):
            folder = tmp_path / f"server-{each}"
            folder.mkdir()
            servers.append(Program(folder, database))
            servers[-1].start(**settings)
        return servers

    yield make
    for program in servers:
        program.kill()


async def poll_all(program: Program, session: aiohttp.ClientSession) -> list[int]:
    """Let 64 pollers take turns with one device until it was given its last."""
    polled: list[int] = []
    done = asyncio.Event()

    async def poller(number: int) -> None:
        for turn in count():
            if done.is_set():
                return
            query = f"?deviceId={ME}&uuid={number}-{turn}"
            async with session.get(f"{program.url}/push{query}") as answer:
                body = await answer.read()
            if not body:
                await asyncio.sleep(0.1)
            else:
                order = json.loads(body)["body"]
                polled.append(order["n"])
                url = f"{program.url}/result{query}"
                async with session.post(url, json={"response": {}}) as answer:
                    assert 200 == answer.status
                if order["last"]:
                    done.set()

    async with asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(poller(number))
    return polled


@pytest.mark.parametrize(
    ("commands", "workers"),
    [(50, 2), pytest.param(10_000, 4, marks=pytest.mark.proof)],
)
async def test_sixty_four_pollers(
    program: Program, commands: int, workers: int
) -> None:
    """
    64 pollers on several processes, and one device: each command is handed out once,
    and all of them in order.
    """
    program.start(workers=workers)
    await listening(program, workers)
    numbers = range(commands)
    orders: list[CommandInput] = [
        {
            "endpoint": "message_to_screen",
            "body": {"message": "x", "n": n, "last": n == commands - 1},
            "delivery": "atMostOnce",
        }
        for n in numbers
    ]
    connector = aiohttp.TCPConnector(limit=64)
    async with (
        Client(program.url, program.token) as api,
        aiohttp.ClientSession(connector=connector) as session,
        asyncio.timeout(60 + commands / 4),
    ):
        for at in range(0, commands, 100):
            await api.commands.enqueue_many(ME, orders[at : at + 100])
        polled = await poll_all(program, session)

    assert list(numbers) == polled


async def poll_until_given(device: SimulatedDevice) -> ReceivedCommand:
    """Poll until there is a command."""
    async with asyncio.timeout(15):
        while (order := await device.poll()) is None:
            pass
    return order


async def test_one_after_the_other(
    servers_of: MakeServers, device_of: MakeDevice
) -> None:
    """
    A device polls at one server, its command was enqueued at a second, and its result
    goes to a third; a caller that waits at the first gets the outcome.
    """
    first, second, third = servers_of(3)
    async with (
        Client(first.url, first.token) as here,
        Client(second.url, second.token) as there,
    ):
        command = await there.commands.enqueue(ME, LOAD_USERS)
        waiting = asyncio.create_task(here.commands.get(command["id"], wait=30))
        order = await poll_until_given(device_of(first))
        assert 200 == await device_of(third).execute_and_post(order)
        done = await waiting

    assert ("SUCCESSFUL", 1) == (done["state"], done["attempts"])


async def test_held_poll(servers_of: MakeServers, device_of: MakeDevice) -> None:
    """
    A poll that one server holds is answered when another one accepts the command; the
    program that waits there gets the outcome when the device answers at the first.
    """
    first, second = servers_of(2)
    async with (
        Client(first.url, first.token) as here,
        Client(second.url, second.token) as there,
    ):
        await here.devices.put(ME, hold=60)
        for _ in range(5):
            poll = asyncio.create_task(device_of(first).poll_command())
            await held(here, 1)
            enqueue = there.commands.enqueue(ME, LOAD_USERS, wait=60)
            waiting = asyncio.create_task(enqueue)
            async with asyncio.timeout(20):
                await device_of(first).execute_and_post(await poll)
                assert "SUCCESSFUL" == (await waiting)["state"]


async def test_settings_of_devices(
    servers_of: MakeServers, device_of: MakeDevice
) -> None:
    """
    A change of devices and tokens at one server counts at the others.
    """
    first, second = servers_of(2, device_keys="required")
    device = device_of(second)
    async with (
        Client(first.url, first.token) as here,
        Client(second.url, second.token) as there,
    ):
        await here.devices.put(ME, name="door", hold=0)
        token = await here.tokens.create("reader", ["devices:read"])
        await device.poll()

        async def is_visible() -> bool:
            return "door" in str(await there.devices.list())

        await wait_until(is_visible)
        async with Client(second.url, token["token"]) as reader:
            assert "door" == (await reader.devices.get(ME))["name"]
        await here.devices.delete(ME)

        async def is_gone() -> bool:
            return "door" not in str(await there.devices.list())

        await wait_until(is_gone)


@asynccontextmanager
async def receiving_events() -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Receive events for the length of the block: the states of commands by id."""
    received: dict[str, str] = {}
    newest: Counter[str] = Counter()

    async def take(request: web.Request) -> web.Response:
        data = (await request.json())["data"]
        # One may overtake another.
        if data["sequence"] >= newest[data["commandId"]]:
            newest[data["commandId"]] = data["sequence"]
            received[data["commandId"]] = data["state"]
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), received


async def test_leader_killed(servers_of: MakeServers) -> None:
    """
    When the server that does what is done once is killed, another one does it.
    """
    inside = {"webhook_allow_http": "true", "webhook_allow_networks": "127.0.0.0/8"}
    programs = servers_of(3, **inside)
    ids: list[str] = []
    async with receiving_events() as (url, received):
        for each, program in enumerate(programs):
            async with Client(program.url, program.token) as api:
                if not ids:
                    await api.subscriptions.create(url, ["command.status"])
                for _ in range(5):
                    command: CommandInput = {**LOAD_USERS, "expiresIn": 0.5}
                    ids.append((await api.commands.enqueue(ME, command))["id"])
                await wait_until(
                    lambda: all(received.get(i) == "EXPIRED" for i in ids), within=60
                )
            if each < 2:
                await asyncio.to_thread(program.kill)

    assert dict.fromkeys(ids, "EXPIRED") == received


async def test_exchanged_under_load(program: Program) -> None:
    """
    Processes are exchanged under load: nothing is lost, and nobody gets an error.
    """
    program.start(workers=2)
    await listening(program, 2)
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        Client(program.url, program.token) as api,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        rng = Random(1)  # noqa: S311 - it must repeat
        traffic = Traffic([program], session, rng, pause=0.1)
        running = asyncio.create_task(traffic.run())
        program.send(signal.SIGHUP)
        await listening(program, 4)
        traffic.stop.set()
        await running
        commands = await traffic.drain(api)

    check_promises(traffic, commands)
    assert {"SUCCESSFUL"} == {each["state"] for each in commands.values()}
    assert {200, 201} == {status for _, status in traffic.statuses}
    assert not traffic.failures
    assert len(commands) > 20
