"""schema.sql is what all steps together come to, on every store."""

from importlib.resources import files
from pathlib import Path

import attrs
import pytest

from pushserver.settings_loading import load
from pushserver.storage import migrations
from pushserver.storage.migrations import (
    MIGRATIONS,
    SCHEMA_VERSION,
    newest,
    read_migrations,
)
from pushserver.storage.schema_file import SchemaSection, part_for
from pushserver.stores import migrator_of
from tests.clock import START, ManualClock
from tests.database_rows import open_reader
from tests.storage.locations import LOCATIONS, open_store
from tests.storage.migrations.catalogue import catalogue
from tests.storage.migrations.first import make_first

_VERSION = "SELECT version, oldest_server FROM schema_version"


async def test_sum(
    backend: str, empty_database: str, tmp_path: Path, empty: str, clock: ManualClock
) -> None:
    """
    A database of the first release that got every step equals one that was made today.
    """
    new = f"sqlite:///{tmp_path / 'new.db'}" if backend == "sqlite" else empty_database
    async with open_store(LOCATIONS[backend](new), clock):
        pass
    make_first(empty, rows="")

    done = migrator_of(load({"database": empty}, {})).migrate(START)

    assert [each.name for each in MIGRATIONS[1:]] == [each.name for each in done.steps]
    assert catalogue(new) == catalogue(empty)
    with open_reader(new) as of_new, open_reader(empty) as of_old:
        assert of_new(_VERSION) == of_old(_VERSION)


def test_one_version() -> None:
    """
    The newest file's number is the version of the schema.
    """
    names = [each.name for each in files(migrations).iterdir()]
    numbers = [int(name[:4]) for name in names if name.endswith(".sql")]

    assert max(numbers) == SCHEMA_VERSION == newest(MIGRATIONS).number


def step(folder: Path, name: str, servers: str = "-- running servers: stop") -> None:
    """Write a file with such a header."""
    (folder / name).write_text(f"-- A step.\n{servers}\nSELECT 1;\n")


def test_oldest_server(tmp_path: Path) -> None:
    """
    The newest step that stops servers says which are the oldest that may work.
    """
    step(tmp_path, "0001_a.sql")
    step(tmp_path, "0002_b.sql")
    step(tmp_path, "0003_c.sql", "-- running servers: keep working")
    version = newest(read_migrations(tmp_path))

    assert (3, 2) == (version.number, version.oldest_server)


def test_what_the_release_before_no_longer_uses(tmp_path: Path) -> None:
    """
    A step that takes it away stops the servers that still use it, and no others.
    """
    step(tmp_path, "0001_a.sql")
    step(tmp_path, "0002_expand.sql", "-- running servers: keep working")
    step(tmp_path, "0003_contract.sql", "-- running servers: stop before 0002")
    steps = read_migrations(tmp_path)

    assert "stop before 0002" == steps[-1].servers
    assert (3, 2) == attrs.astuple(newest(steps))


@pytest.mark.parametrize("servers", ["", "-- running servers: maybe"])
def test_servers_not_named(tmp_path: Path, servers: str) -> None:
    """
    A step has to say what running servers do.
    """
    step(tmp_path, "0001_a.sql", servers)

    with pytest.raises(ValueError, match=r"0001_a\.sql"):
        read_migrations(tmp_path)


@pytest.mark.parametrize("names", [(), ("0001_a", "0003_c"), ("0001_a", "0001_b")])
def test_gaps(tmp_path: Path, names: tuple[str, ...]) -> None:
    """
    Steps are numbered without a gap, and no number is there twice.
    """
    for name in names:
        step(tmp_path, f"{name}.sql")

    with pytest.raises(ValueError, match="numbered"):
        read_migrations(tmp_path)


def test_sections() -> None:
    """
    A section is for the store that it names, until the next one begins.
    """
    sql = "a;\n-- PostgreSQL alone: x\nb;\n-- SQLite alone\nc;\n-- Every store\nd;\n"
    of = {store: part_for(store, sql) for store in SchemaSection}

    assert {"a;", "c;", "d;"} <= set(of[SchemaSection.SQLITE].split("\n"))
    assert {"a;", "b;", "d;"} <= set(of[SchemaSection.POSTGRES].split("\n"))
    assert "b;" not in of[SchemaSection.SQLITE]
    assert "c;" not in of[SchemaSection.POSTGRES]
