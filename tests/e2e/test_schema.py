"""The real program over a database of another schema than its own."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pushserver.errors import Outdated
from pushserver.storage.migrations import SCHEMA_VERSION
from tests.postgres import database_without_tables
from tests.program import Program
from tests.storage.migrations.first import make_first

NEXT = SCHEMA_VERSION + 1


@pytest.fixture(name="over")
def _over(backend: str, empty_database: str, tmp_path: Path) -> Iterator[Program]:
    """Return the program over a database that is empty, even of tables."""
    if backend == "sqlite":
        program = Program(tmp_path, empty_database)
        yield program
        program.kill()
        return
    with database_without_tables(empty_database) as url:
        program = Program(tmp_path, url)
        yield program
        program.kill()


def said(program: Program) -> list[str]:
    """Return the lines that are no log."""
    lines = program.log.read_text().splitlines()
    return [line for line in lines if not line.startswith("{")]


def declare(url: str, oldest_server: int) -> None:
    """Say that a newer release migrated the database."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(
            "UPDATE schema_version SET version = %s, oldest_server = %s",
            (NEXT, oldest_server),
        )


@pytest.mark.only_on("sqlite")
def test_migrated_at_the_start(over: Program) -> None:
    """
    A file of the first release is served, once its copy is made and named in the log.
    """
    make_first(over.database)
    over.start()
    (line,) = over.log_lines("schema.migrated")

    assert (1, SCHEMA_VERSION) == (line["old"], line["new"])
    assert Path(line["copy"]).is_file()
    assert 0 == over.stop()


@pytest.mark.only_on("postgres")
def test_older_schema(over: Program) -> None:
    """
    Over an older PostgreSQL it refuses in one line that names the command.
    """
    make_first(over.database)
    code = over.run()
    (line,) = said(over)

    assert 1 == code
    assert "run `pushserver migrate`" in line


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    "settings", [{}, pytest.param({"workers": 2}, marks=pytest.mark.proof)]
)
def test_left_behind(over: Program, settings: dict[str, int]) -> None:
    """
    A server that the schema leaves behind stops in order, and no other one starts.
    """
    over.start(**settings)
    declare(over.database, NEXT)

    assert Outdated.exit_code == over.wait()
    assert {NEXT} == {line["database"] for line in over.log_lines("schema.newer")}
    assert over.log_lines("server.stopped")
    assert {"start a newer release"} <= {line[-22:-1] for line in said(over)}
    assert Outdated.exit_code == over.run(**settings)
    assert "Traceback" not in over.log.read_text()


@pytest.mark.only_on("postgres")
def test_allowed(over: Program) -> None:
    """
    Over a newer schema that allows it a server starts.
    """
    over.start()
    declare(over.database, SCHEMA_VERSION)
    assert 0 == over.stop()

    over.start()

    assert 0 == over.stop()
    assert [] == over.log_lines("schema.newer")
