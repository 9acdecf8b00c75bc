"""What the program refuses to do, and says why in one line."""

import asyncio
import os
import pty
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from pushserver.errors import Outdated
from tests.program import Program
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("sqlite")


def refused(program: Program, code: int = 1, /, **settings: object) -> str:
    """Start the program, which refuses; return its one line."""
    assert code == program.run(**settings)
    (line,) = program.log.read_text().splitlines()
    return line


def test_second_server(program: Program) -> None:
    """
    A second server on the same file refuses, and the first goes on.
    """
    first = Program(program.folder, program.database)
    first.start()
    program.log.rename(program.folder / "first.log")

    line = refused(program)

    assert "in use" in line
    assert str(program.file) in line
    assert 0 == first.stop()


def test_few_files(program: Program) -> None:
    """
    With fewer files than it needs to serve anybody, it says so and does not start.
    """
    program.wrapper = ("sh", "-c", 'ulimit -n 24; exec "$@"', "sh")

    assert "At most 24 files" in refused(program)


def test_as_many_files_as_it_needs(program: Program) -> None:
    """
    With as many as it needs, it starts and serves.
    """
    program.wrapper = ("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
    program.start()

    assert 0 == program.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_beyond_loopback(program: Program, host: str) -> None:
    """
    Reachable by others without a word on keys: refused before anything is opened.
    """
    line = refused(program, host=host)

    assert "DEVICE_KEYS" in line
    assert not program.file.exists()


@pytest.mark.parametrize("keys", ["optional", "required"])
def test_beyond_loopback_with_keys(program: Program, keys: str) -> None:
    """
    With a word on keys, and a token that nobody guesses, it starts.
    """
    program.token = "3f9c0a71e5d28b46b7d10c58f2e9a364"
    program.start(host="0.0.0.0", device_keys=keys)  # noqa: S104

    assert 0 == program.stop()


def test_port_in_use(program: Program) -> None:
    """
    A port that somebody has is named.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = refused(program, port=port)

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
    line = refused(program, **settings)

    assert line
    assert "Traceback" not in line


def test_not_a_database(program: Program) -> None:
    """
    A file that is something else is left as it is.
    """
    program.file.write_bytes(b"certainly no database" * 1000)

    line = refused(program)

    assert str(program.file) in line
    assert b"certainly no database" * 1000 == program.file.read_bytes()


def test_later_release(program: Program) -> None:
    """
    A file of a later release is not touched.
    """
    with closing(sqlite3.connect(program.file)) as connection:
        connection.execute("PRAGMA user_version = 999")

    assert "999" in refused(program, Outdated.exit_code)


def test_first_token(program: Program) -> None:
    """
    Where no token is set, the first start writes one beside the database, for its owner
    alone; the log says where it is, and never what it is. The next start writes none.
    """
    program.token = ""
    program.start()
    program.stop()
    (line,) = program.log_lines("tokens.first_written")
    path = Path(line["path"])
    secret = path.read_text().strip()
    path.unlink()
    program.start()
    program.stop()

    assert program.file.with_name("store.db.admin-token") == path
    assert secret.startswith("pst_")
    assert "pst_" not in program.log.read_text()
    assert not path.exists()


async def test_mode_of_the_first_token(program: Program) -> None:
    """
    Its file is created for its owner alone, whatever the umask, also over an old one.
    """
    path = program.file.with_name("store.db.admin-token")
    path.write_text("old")
    path.chmod(0o644)
    program.token = ""

    before = os.umask(0)
    try:
        process = program.spawn()
    finally:
        os.umask(before)
    await wait_until(lambda: bool(program.log_lines("server.started")))
    process.terminate()
    await asyncio.to_thread(process.wait, 60)

    assert "old" != path.read_text()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_first_token_to_a_terminal(program: Program) -> None:
    """
    Somebody who starts it in a terminal is shown the first token there, and no file is.
    """
    program.token = ""
    ours, theirs = pty.openpty()

    program.stderr = theirs
    process = program.spawn()
    os.close(theirs)
    shown = b""
    while b"admin token: pst_" not in shown:
        shown += os.read(ours, 4096)
    process.terminate()
    process.wait(60)
    os.close(ours)

    assert [] == [*program.folder.glob("*.admin-token*")]


def test_first_token_for_nobody(program: Program) -> None:
    """
    A first token that cannot be written is revoked: the next start makes another.
    """
    path = program.file.with_name("store.db.admin-token")
    path.mkdir()
    program.token = ""

    line = refused(program)
    path.rmdir()
    program.log.unlink()
    program.start()
    program.stop()

    assert str(path) in line
    assert path.read_text().startswith("pst_")


@pytest.mark.parametrize("token", ["pst_only-for-trying-things-out", "1" * 31, "x"])
def test_guessable_token(program: Program, token: str) -> None:
    """
    Beyond loopback a token that can be guessed is refused, with how to make a good one.
    """
    program.token = token

    line = refused(program, host="0.0.0.0", device_keys="required")  # noqa: S104

    assert "ADMIN_TOKEN" in line
    assert "openssl rand -hex 32" in line
    assert token not in line.split()
    assert not program.file.exists()


@pytest.mark.parametrize(
    "text", ['[server]\ndevice_keys = "required"\n', 'device_keys = "required"\n']
)
def test_settings_elsewhere(program: Program, text: str) -> None:
    """
    A settings file whose settings stand where nobody reads them is refused.
    """
    file = program.folder / "settings.toml"
    file.write_text(text)

    line = refused(program, config=file)

    assert "[pushserver]" in line
    assert not program.file.exists()


def test_unknown_variable(program: Program) -> None:
    """
    A variable that sets nothing is named with the one that was meant; it starts.
    """
    program.start(device_key="required")
    program.stop()

    (line,) = [x for x in program.log.read_text().splitlines() if "DEVICE_KEY" in x]
    assert "PUSHSERVER_DEVICE_KEY is no setting" in line
    assert "PUSHSERVER_DEVICE_KEYS?" in line
