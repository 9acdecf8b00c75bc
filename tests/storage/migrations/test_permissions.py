"""What the tokens of schema 1, and the subscriptions of schema 26, may do today."""

import sqlite3
from contextlib import closing

import pytest

from tests.clock import ManualClock
from tests.storage.migrations.first import NOW, ROWS, make_first
from tests.storage.migrations.work import going_on
from tests.web.local_server import running_server

_INSERT = (
    "\n-- Every store\nINSERT INTO token (id, hash, name, permissions, created_at,"
    " scope_id) VALUES (7, 'x', 'x', '{}', 1, 1);\n"
)


@pytest.mark.parametrize(
    ("before", "gained"),
    [
        ("commands:write", {"commands:door"}),
        ("devices:read operations:write", {"commands:door"}),
        ("commands:read commands:write results:read", {"commands:door"}),
        ("admin", set()),
        ("commands:read operations:read", set()),
    ],
)
async def test_doors(empty: str, before: str, gained: set[str]) -> None:
    """
    Who could open doors still may; nobody else gains anything.
    """
    make_first(empty, ROWS + _INSERT.format(before))

    async with going_on(empty) as site:
        tokens = site.services.tokens.in_scope(1)

    (token,) = [each for each in tokens if each.id == 7]
    assert {*before.split()} | gained == token.permissions


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("maker", "permissions", "gained"),
    [
        (0, None, {"operations:read"}),
        (7, "admin", {"operations:read"}),
        (7, "subscriptions:write operations:read", {"operations:read"}),
        (7, "subscriptions:write operations:write", set()),
    ],
)
async def test_texts_of_operations(
    database: str, maker: int, permissions: str | None, gained: set[str]
) -> None:
    """
    Of schema 26, a subscription goes on with what operations say if its maker reads it.
    """
    async with running_server(database, ManualClock(NOW)) as server:
        url = {"url": "https://example.com/hook", "events": ["operation.*"]}
        created = (await server.api("POST", "/subscriptions", url)).json()
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as file:
        if permissions is not None:
            file.executescript(_INSERT.format(permissions))
        file.execute(
            "UPDATE subscription SET created_by = ?, may_read = 'results:read'", [maker]
        )
        file.execute("PRAGMA user_version = 26")
        file.commit()

    async with running_server(database, ManualClock(NOW)) as server:
        registry = server.services.subscription_registry
        await registry.load()
        (subscription,) = registry.in_scope(1)

    assert created["id"] == str(subscription.id)
    assert {"results:read"} | gained == set(subscription.may_read or ())
