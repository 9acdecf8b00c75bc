"""Two neighbouring releases side by side over one PostgreSQL: forward, and back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import aiohttp
import pytest

from pushserver.client import Client
from pushserver.storage.migrations import SCHEMA_VERSION
from tests.database_rows import open_reader
from tests.e2e.traffic import Traffic, check_promises
from tests.program import Program
from tests.releases import Release, build_release, copy_revision

pytestmark = [pytest.mark.proof, pytest.mark.only_on("postgres")]

#: The release before: with the next tag, its name.
BEFORE = "HEAD"
#: Of the release after it, while there is none: a column that nobody reads yet.
NEXT_STEP = """-- A step to come: it expands, so servers of the release before go on.
-- running servers: keep working

ALTER TABLE device ADD COLUMN note TEXT;
"""
#: Seconds between two changes, with 200 polls and 20 commands in each.
STEP = 2.0
#: 20 devices, each of which polls ten times a second.
DEVICES = range(101, 121)


@pytest.fixture(name="before", scope="module")
def _before(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return the release before, built from its revision."""
    folder = tmp_path_factory.mktemp("before")
    return build_release(copy_revision(BEFORE, folder / "tree"), folder)


@pytest.fixture(name="after", scope="module")
def _after(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return the next one, whose schema is newer by a step."""
    folder = tmp_path_factory.mktemp("after")
    tree = copy_revision(BEFORE, folder / "tree")
    step = f"pushserver/storage/migrations/{SCHEMA_VERSION + 1:04}_next.sql"
    (tree / step).write_text(NEXT_STEP)
    return build_release(tree, folder)


@pytest.fixture(name="servers")
def _servers(database: str, tmp_path: Path) -> Iterator[list[Program]]:
    """Return two servers over one database, not started yet."""
    servers = [Program(tmp_path / name, database) for name in ("one", "two")]
    for each in servers:
        each.folder.mkdir()
    yield servers
    for each in servers:
        each.kill()


async def run_as(server: Program, release: Release) -> None:
    """Restart a server as this release, amid the traffic."""
    await asyncio.to_thread(server.stop)
    server.wrapper = release.wrapper
    await asyncio.to_thread(server.start)
    await asyncio.sleep(STEP)


@asynccontextmanager
async def running(traffic: Traffic) -> AsyncIterator[None]:
    """Let programs and devices loose during the block."""
    task = asyncio.create_task(traffic.run(programs=2))
    try:
        yield
    finally:
        traffic.stop.set()
        await task


def schema_of(database: str) -> tuple[object, ...]:
    """Return the schema's number, and the oldest whose servers may work over it."""
    with open_reader(database) as read:
        (row,) = read("SELECT version, oldest_server FROM schema_version")
        return tuple(row)


async def test_forward_and_back(
    servers: list[Program],
    database: str,
    before: Release,
    after: Release,
    session: aiohttp.ClientSession,
) -> None:
    """
    Servers of both releases serve side by side while one after the other is exchanged,
    and while they are exchanged back: nothing is lost, and nothing is done twice.
    """
    for server in servers:
        server.wrapper = before.wrapper
        await asyncio.to_thread(server.start)
    oldest = schema_of(database)[1]
    traffic = Traffic(servers, session, Random(1), DEVICES, pause=0.1)  # noqa: S311
    async with running(traffic):
        await asyncio.to_thread(after.run, "migrate", "--database", database)
        await asyncio.sleep(STEP)
        for release in (after, before):
            for server in servers:
                await run_as(server, release)
    async with Client(servers[0].url, servers[0].token) as api:
        commands = await traffic.drain(api)

    assert (SCHEMA_VERSION + 1, oldest) == schema_of(database)
    check_promises(traffic, commands)
    assert {"SUCCESSFUL"} == {each["state"] for each in commands.values()} - {"TIMEOUT"}
    assert len(traffic.enqueued) > 100
    assert {200, 201} == {status for _, status in traffic.statuses} - {503}
