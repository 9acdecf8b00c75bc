"""A clock that is wrong, under the real program: seconds are seconds, instants follow.

The clock is the machine's over a SQLite file, and the database's over PostgreSQL.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pushserver.client import Client
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR
from tests.e2e.wall_clock import WallClock, needs_compiler, seconds_after
from tests.program import Program
from tests.storage.machine import move_database_clock, own_database_clock
from tests.web.local_server import wait_until

HOUR, YEAR = 3600, 8760 * 3600
SETTINGS = {
    "workers": 1,
    "retention": 90,
    "webhook_allow_http": "true",
    "webhook_allow_networks": "127.0.0.0/8",
}
#: The first wait of a webhook, in seconds, and what a busy machine adds.
RETRY, SLACK = 5, 15
#: Sets the clock by so many seconds, while the program runs or is off.
Jump = Callable[[int, bool], Awaitable[None]]


@pytest.fixture(name="jump")
def _jump(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Jump]:
    """Start the program; return what sets its clock and waits until it knows."""
    wall, ahead = WallClock(tmp_path), [0]
    is_postgres = program.database.startswith("postgres")

    async def jump(seconds: int, restart: bool) -> None:
        jumps = len(program.log_lines("clock.jumped"))
        if restart:
            program.stop()
        ahead[0] += seconds
        if is_postgres:
            move_database_clock(program.database, seconds)
        else:
            wall.set_ahead(ahead[0])
        if restart:
            program.start(**SETTINGS)
        await wait_until(lambda: len(program.log_lines("clock.jumped")) > jumps)

    with ExitStack() as stack:
        if is_postgres:
            stack.enter_context(own_database_clock(program.database))
        else:
            wall.make()
            for name, value in wall.environ.items():
                monkeypatch.setenv(name, value)
        program.start(**SETTINGS)
        yield jump
        program.stop()


def after(seconds: float) -> str:
    """Return the instant that is so much later, as people call it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def log_in(program: Program, session: aiohttp.ClientSession) -> str:
    """Return the secret of a session, which is valid for half an hour."""
    url, body = f"{program.url}/v1/authentication/apikey", {"apiKey": program.token}
    async with session.post(url, json=body) as answer:
        return str((await answer.json())["tokenId"])


async def is_valid(
    program: Program, session: aiohttp.ClientSession, secret: str
) -> bool:
    """Tell whether a secret opens the API."""
    head = {"Authorization": f"Bearer {secret}"}
    async with session.get(f"{program.url}/api/v1/devices", headers=head) as answer:
        return answer.status == 200


@needs_compiler
@pytest.mark.proof
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("seconds", [-HOUR, HOUR, 10 * YEAR])
async def test_seconds_and_instants(
    program: Program,
    jump: Jump,
    device_of: MakeDevice,
    session: aiohttp.ClientSession,
    seconds: int,
    *,
    restart: bool,
) -> None:
    """
    Retries of webhooks and sessions take the seconds that were said; a token's end and
    a planned command go by the clock, also once it is right again.
    """
    loop, arrived, ids = asyncio.get_running_loop(), list[float](), list[str]()

    async def receive(request: web.Request) -> web.Response:
        ids.append(request.headers["webhook-id"])
        if ids[-1] == ids[0]:
            arrived.append(loop.time())
        return web.Response(status=503 if len(arrived) == 1 else 204)

    app = web.Application()
    app.router.add_post("/", receive)
    planned: Any = {**LOAD_USERS, "notBefore": after(HOUR / 2), "expiresIn": 86_400}
    async with (
        TestServer(app) as receiver,
        Client(program.url, program.token) as api,
    ):
        await api.subscriptions.create(str(receiver.make_url("/")), ["command.status"])
        made = await api.tokens.create("t", ["devices:read"], expiresAt=after(2 * HOUR))
        login = await log_in(program, session)
        await api.commands.enqueue(str(DEVICE), planned)
        await wait_until(lambda: len(arrived) == 1)
        await jump(seconds, restart)
        await wait_until(lambda: len(arrived) >= 2)

        valid = [await is_valid(program, session, s) for s in (made["token"], login)]
        polled = await device_of(program).poll()
        await jump(-seconds, True)
        assert await is_valid(program, session, made["token"])
        assert await is_valid(program, session, login)

    assert RETRY - 0.5 < arrived[1] - arrived[0] < RETRY + SLACK
    assert [seconds < 2 * HOUR, True] == valid
    # Ten years later the day in which it may be given is over.
    assert (seconds == HOUR) is (polled is not None)


@needs_compiler
@pytest.mark.proof
@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("seconds", [-HOUR, 10 * YEAR])
async def test_beside_its_database(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    session: aiohttp.ClientSession,
    seconds: int,
) -> None:
    """
    A server whose own clock is wrong goes by its database's: in names, for planned
    commands and tokens, and a door expires after its second.
    """
    wall = WallClock(tmp_path)
    wall.make()
    wall.set_ahead(seconds)
    for name, value in wall.environ.items():
        monkeypatch.setenv(name, value)
    program.start(**SETTINGS)
    door: Any = {**OPEN_DOOR, "expiresIn": 1}
    planned: Any = {**LOAD_USERS, "notBefore": after(HOUR / 2)}
    async with Client(program.url, program.token) as api:
        late = await api.commands.enqueue(str(DEVICE), door)
        waiting = await api.commands.enqueue(str(DEVICE), planned)
        made = await api.tokens.create("t", ["devices:read"], expiresAt=after(HOUR))
        ended = await api.commands.get(late["id"], wait=10)
        valid = await is_valid(program, session, made["token"])
        still = await api.commands.get(waiting["id"])

    assert ("EXPIRED", "PENDING", True) == (ended["state"], still["state"], valid)
    assert abs(seconds_after(late["createdAt"])) < HOUR / 2
