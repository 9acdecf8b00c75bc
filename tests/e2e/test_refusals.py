"""What the program refuses to do, and says why in one line."""

import socket
import sqlite3
from contextlib import closing
from subprocess import Popen

import pytest

from pushserver.errors import Outdated
from tests.program import Program

pytestmark = pytest.mark.only_on("sqlite")


def refused(process: Popen[bytes], program: Program, code: int = 1) -> str:
    """Wait for the program to refuse, within 10 s; return its one line."""
    try:
        assert code == process.wait(10)
    finally:
        process.kill()
    (line,) = program.log.read_text().splitlines()
    return line


def test_second_server(program: Program) -> None:
    """
    A second server on the same file refuses, and the first goes on.
    """
    first = Program(program.folder, program.database)
    first.start()
    program.log.rename(program.folder / "first.log")

    line = refused(program.spawn(), program)

    assert "in use" in line
    assert str(program.file) in line
    assert 0 == first.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_beyond_loopback(program: Program, host: str) -> None:
    """
    Reachable by others without a word on keys: refused before anything is opened.
    """
    line = refused(program.spawn(host=host), program)

    assert "DEVICE_KEYS" in line
    assert not program.file.exists()


@pytest.mark.parametrize("keys", ["optional", "required"])
def test_beyond_loopback_with_keys(program: Program, keys: str) -> None:
    """
    With a word on keys it starts.
    """
    program.start(host="0.0.0.0", device_keys=keys)  # noqa: S104

    assert 0 == program.stop()


def test_port_in_use(program: Program) -> None:
    """
    A port that somebody has is named.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = refused(program.spawn(port=port), program)

    assert str(port) in line


@pytest.mark.parametrize(
    "settings",
    [
        {"port": "x"},
        {"port": 70_000},
        {"port": -1},
        {"database": "mysql://x"},
        {"database": "sqlite:////nowhere/at/all.db"},
        {"database": "sqlite:////"},
        {"response_timeout": 0},
        {"grace": -1},
        {"hold": "nan"},
        {"hold": 999},
        {"device_keys": "perhaps"},
        {"log_level": "loud"},
        {"integrity_check": "24:00"},
        {"integrity_check": "3"},
        {"config": "/nowhere.toml"},
    ],
)
def test_settings(program: Program, settings: dict[str, object]) -> None:
    """
    A setting that makes no sense is refused in one line.
    """
    line = refused(program.spawn(**settings), program)

    assert line
    assert "Traceback" not in line


def test_not_a_database(program: Program) -> None:
    """
    A file that is something else is left as it is.
    """
    program.file.write_bytes(b"certainly no database" * 1000)

    line = refused(program.spawn(), program)

    assert str(program.file) in line
    assert b"certainly no database" * 1000 == program.file.read_bytes()


def test_later_release(program: Program) -> None:
    """
    A file of a later release is not touched.
    """
    with closing(sqlite3.connect(program.file)) as connection:
        connection.execute("PRAGMA user_version = 999")

    assert "999" in refused(program.spawn(), program, Outdated.exit_code)


def test_first_token(program: Program) -> None:
    """
    The first start shows one admin token, once, where none is set.
    """
    program.token = ""
    program.start()
    program.stop()
    first = program.log.read_text().count("admin token: pst_")
    program.start()
    program.stop()

    assert 1 == first
    assert 1 == program.log.read_text().count("admin token: pst_")
