"""A server of today over a database that the release of schema 1 left."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pushserver.settings_loading import load
from pushserver.stores import migrator_of
from tests.clock import ManualClock
from tests.database_rows import open_reader
from tests.storage.migrations.first import NOW
from tests.web.local_server import LocalServer, running_server

#: Receivers of webhooks are on this machine.
INSIDE = {"webhook_allow_networks": "127.0.0.0/8"}
DONE = b'{"response":{}}'


@asynccontextmanager
async def going_on(database: str) -> AsyncIterator[LocalServer]:
    """Migrate the database, and have a server over it for the block."""
    if database.startswith("postgresql:"):
        migrator_of(load({"database": database}, {})).migrate(NOW)
    async with running_server(database, ManualClock(NOW), **INSIDE) as site:
        await site.services.event_interest.load()
        await site.services.subscription_registry.load()
        yield site


async def proceed(site: LocalServer) -> None:
    """Let everything go on that goes on by itself."""
    await site.services.write_behind.flush()
    await site.services.next_steps.queue_due_steps()
    await site.services.task_scheduler.advance()
    await site.services.due_services.reconcile_due()


async def answer(
    site: LocalServer, device: int, body: bytes = DONE, uuid: str = ""
) -> Any:
    """Let a device answer what it was given, and everything go on."""
    query = f"deviceId={device}" + (f"&uuid={uuid}" if uuid else "")
    posted = await site.post_result(body, query)
    await proceed(site)
    return posted


async def command_of(site: LocalServer, device: int) -> dict[str, Any]:
    """Return a device's newest command."""
    listed = await site.api("GET", f"/devices/{device}/commands")
    newest: dict[str, Any] = listed.json()["items"][0]
    return newest


async def listed(site: LocalServer, path: str) -> list[dict[str, Any]]:
    """Return a page of a list."""
    answer = await site.api("GET", path)
    assert 200 == answer.status, answer.body
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def counts(database: str) -> Mapping[str, int]:
    """Return how many rows each table has."""
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if database.startswith("sqlite:")
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    with open_reader(database) as read:
        names = [name for (name,) in read(tables)]
        return {name: read(f"SELECT count(*) FROM {name}")[0][0] for name in names}  # noqa: S608
