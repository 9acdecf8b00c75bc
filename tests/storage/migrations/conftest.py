"""Fixtures: a database without a table, and one of schema 1."""

from collections.abc import Iterator

import pytest

from tests.postgres import database_without_tables
from tests.storage.migrations.first import make_first


@pytest.fixture(name="empty")
def _empty(backend: str, empty_database: str) -> Iterator[str]:
    """Return the address of a database of each kind in which there is nothing."""
    if backend == "sqlite":
        yield empty_database
    else:
        with database_without_tables(empty_database) as url:
            yield url


@pytest.fixture(name="old")
def _old(empty: str) -> str:
    """Return the address of a database that the release of schema 1 left."""
    make_first(empty)
    return empty
