"""`pushserver migrate`, on every store."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from pushserver.cli import main
from pushserver.storage.migrations import MIGRATIONS, SCHEMA_VERSION
from pushserver.storage.sqlite.file_lock import FileLock
from tests.database_rows import open_reader
from tests.storage.migrations.catalogue import catalogue
from tests.storage.migrations.first import make_first

#: Runs `migrate` with these arguments; returns the code, and what was printed.
Run = Callable[..., tuple[int, str, str]]
_VERSION = "SELECT version, oldest_server FROM schema_version"
#: This schema, and the oldest one whose servers may work over it.
_RECORDED = (SCHEMA_VERSION, max(e.oldest_server for e in MIGRATIONS))
_NAMES = [each.name for each in MIGRATIONS[1:]]


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs the command."""

    def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        code = main(["migrate", *arguments], environ)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def path_of(database: str) -> Path:
    """Return where a file is."""
    return Path(database.removeprefix("sqlite:///"))


def execute(database: str, sql: str) -> None:
    """Run SQL as an administrator does who was given it."""
    if database.startswith("sqlite:"):
        with closing(sqlite3.connect(path_of(database), isolation_level=None)) as file:
            file.executescript(sql)
    else:
        with psycopg.connect(database, autocommit=True) as link:
            link.execute(sql.encode())


def test_migrate(old: str, run: Run) -> None:
    """
    It does what is missing, says what that was, and finds nothing to do after that.
    """
    code, out, _ = run("--database", old)
    again, _, said = run("--database", old)

    assert (0, 0) == (code, again)
    assert all(name in out for name in _NAMES)
    assert "Nothing is missing" in said
    with open_reader(old) as read:
        assert [_RECORDED] == read(_VERSION)


def test_check(old: str, run: Run) -> None:
    """
    A check names what is missing and what servers do meanwhile, and changes nothing.
    """
    before = catalogue(old)
    code, out, _ = run("--database", old, "--check")

    assert 1 == code
    assert all(name in out for name in _NAMES)
    assert "stop" in out
    assert before == catalogue(old)
    run("--database", old)
    assert 0 == run("--database", old, "--check")[0]


def test_sql(old: str, run: Run) -> None:
    """
    The SQL that it prints does the same as the command, to the last check.
    """
    before = catalogue(old)
    code, sql, _ = run("--database", old, "--sql")
    assert (0, before) == (code, catalogue(old))

    execute(old, sql)

    assert 0 == run("--database", old, "--check")[0]
    assert (0, "") == run("--database", old, "--sql")[:2]
    with open_reader(old) as read:
        assert [_RECORDED] == read(_VERSION)


@pytest.mark.only_on("postgres")
def test_empty(empty: str, run: Run) -> None:
    """
    An empty database stays empty: a server makes the tables.
    """
    for arguments in ((), ("--check",), ("--sql",)):
        code, out, said = run("--database", empty, *arguments)
        assert (0, "") == (code, out)
        assert "first start" in said

    assert [] == catalogue(empty)


def test_settings(old: str, tmp_path: Path, run: Run) -> None:
    """
    It takes the database from where a server takes it.
    """
    config = tmp_path / "settings.toml"
    config.write_text(f'[pushserver]\ndatabase = "{old}"\n')

    assert 1 == run("--check", "--config", str(config))[0]
    assert 1 == run("--check", PUSHSERVER_CONFIG=str(config))[0]
    assert 0 == run(PUSHSERVER_DATABASE=old)[0]
    assert 0 == run("--check", "--config", str(config))[0]


@pytest.mark.only_on("sqlite")
def test_copy_is_named(old: str, run: Run) -> None:
    """
    Of a file it says where the copy is.
    """
    _, out, _ = run("--database", old, "--json")
    (copy,) = path_of(old).parent.glob("store.db.schema-1.*Z")

    assert {
        "from": 1,
        "to": SCHEMA_VERSION,
        "steps": _NAMES,
        "copy": str(copy),
    } == json.loads(out)


@pytest.mark.only_on("sqlite")
def test_in_use(old: str, run: Run) -> None:
    """
    A file that a server has is left to it; what is missing can be asked.
    """
    lock = FileLock(path_of(old))
    code, _, said = run("--database", old)
    checked = run("--database", old, "--check")[0]
    lock.release()

    assert (1, 1) == (code, checked)
    assert "in use" in said


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("arguments", [(), ("--check",), ("--sql",)])
def test_no_file(empty: str, run: Run, arguments: tuple[str, ...]) -> None:
    """
    A file that is not there is named, and not made.
    """
    code, _, said = run("--database", empty, *arguments)

    assert 1 == code
    assert str(path_of(empty)) in said
    assert not path_of(empty).exists()


@pytest.mark.only_on("sqlite")
def test_no_database(empty: str, run: Run) -> None:
    """
    A file that is something else is refused in a line, and stays.
    """
    path_of(empty).write_bytes(b"certainly no database" * 1000)
    codes = [run("--database", empty, *each)[0] for each in ((), ("--check",))]

    assert [1, 1] == codes
    assert b"certainly no database" * 1000 == path_of(empty).read_bytes()


@pytest.mark.only_on("postgres")
def test_unreachable(run: Run) -> None:
    """
    A database that cannot be reached is refused in a line that shows no password.
    """
    code, _, said = run("--database", "postgresql://me:secret@/x?host=/nowhere")

    assert 1 == code
    assert "Cannot migrate the database" in said
    assert "secret" not in said


@pytest.mark.parametrize("arguments", [(), ("--check",), ("--sql",)])
def test_newer(empty: str, run: Run, arguments: tuple[str, ...]) -> None:
    """
    A newer release's database is none that this one could migrate.
    """
    make_first(empty, rows="")
    run("--database", empty)
    later = SCHEMA_VERSION + 1
    execute(
        empty,
        "DELETE FROM schema_version; INSERT INTO schema_version"  # noqa: S608 - a number
        f" VALUES ({later}, {later})",
    )
    if empty.startswith("sqlite:"):
        execute(empty, f"PRAGMA user_version = {later}")
    code, _, said = run("--database", empty, *arguments)

    assert 1 == code
    assert "start a newer release" in said


def test_wrong_use(run: Run) -> None:
    """
    A check and the SQL at once make no sense.
    """
    assert 2 == run("--check", "--sql")[0]
