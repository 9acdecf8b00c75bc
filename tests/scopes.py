"""Scopes besides the first one, for tests that put something into them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest

from pushserver.clock import Clock
from pushserver.storage.base import Store
from pushserver.storage.sql.connection import SqlConnection

if TYPE_CHECKING:
    from pushserver.storage.sql.access import SqlAccess

_INSERT = "INSERT INTO scope (id, name, created_at) VALUES (?, ?, ?)"


async def add_marked_scopes(
    request: pytest.FixtureRequest, store: Store, clock: Clock
) -> None:
    """Add the scopes that a test is marked to have, empty and without a token."""
    scope_ids = [i for mark in request.node.iter_markers("scopes") for i in mark.args]
    await add_scopes(store, scope_ids, clock)


async def add_scopes(store: Store, scope_ids: Sequence[int], clock: Clock) -> None:
    """Add empty scopes without a token."""

    def work(connection: SqlConnection) -> None:
        for scope_id in scope_ids:
            values = (scope_id, f"scope {scope_id}", clock.now())
            connection.execute(_INSERT, values)

    if scope_ids:
        await cast("SqlAccess", store).write(work)
