"""Databases over which the program cannot start: it says so in a line, and ends."""

import hashlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE
from tests.e2e.test_device_life import LOAD_USERS
from tests.e2e.test_refusals import refused
from tests.program import Program

pytestmark = pytest.mark.only_on("sqlite")

PAGE = 4096


@pytest.fixture(name="used")
async def _used(program: Program) -> Program:
    """Return a program that has been at work, and has ended."""
    program.start()
    async with Client(program.url, program.token) as api:
        for number in range(40):
            await api.commands.enqueue(str(DEVICE + number), LOAD_USERS)
        await api.subscriptions.create("https://receiver.example/", ["device.online"])
    program.stop()
    program.log.unlink()
    return program


@pytest.mark.parametrize(
    "kind", ["folder", "pipe", "device", "memory", "empty folder's file"]
)
def test_no_file(program: Program, kind: str) -> None:
    """
    What is no file is refused; nobody waits for what a pipe may bring.
    """
    path = program.folder / "odd"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/null")
    elif kind == "memory":
        path.symlink_to("/proc/self/mem")
    else:
        path = path / "x.db"

    assert str(path) in refused(program, database=f"sqlite:///{path}")


def test_pipe_beside(program: Program) -> None:
    """
    So it is with a pipe where SQLite looks for a journal.
    """
    program.start()
    program.stop()
    program.log.unlink()
    pipe = Path(f"{program.file}-journal")
    os.mkfifo(pipe)

    assert f"{pipe} is no file" in refused(program)


def test_before_all_else(tmp_path: Path) -> None:
    """
    A file that is no database is refused before what serves is loaded.
    """
    path = tmp_path / "x.db"
    path.write_bytes(bytes(PAGE))
    code = (
        "import sys; from pushserver.cli import main\n"
        f"assert 1 == main(['serve', '--database', 'sqlite:///{path}'], {{}})\n"
        "assert not {'aiohttp', 'jinja2', 'pushserver.services'} & {*sys.modules}\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_locked(program: Program) -> None:
    """
    Somebody who keeps the file locked is not waited for.
    """
    with closing(sqlite3.connect(program.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert "locked" in refused(program)


def test_read_only(program: Program) -> None:
    """
    A file that cannot be written is of no use.
    """
    with closing(sqlite3.connect(program.file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    remount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    unshare = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    program.wrapper = (*unshare, remount, str(program.file.parent))
    # Where mounting is not allowed, the wrapper itself ends, in a line of its own.
    assert refused(program)


def damage(path: Path, page: int) -> None:
    """Overwrite a page of the file, from the second one on."""
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(hashlib.shake_128(bytes([page])).digest(PAGE))


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.proof)])
def test_damaged_pages(used: Program, step: int) -> None:
    """
    Whatever page is damaged, the program ends in a line, or serves.
    """
    sound = used.file.read_bytes()
    ended = 0
    for page in range(1, len(sound) // PAGE, step):
        used.file.write_bytes(sound)
        damage(used.file, page)
        ended += ends(used)

    assert ended > 0


def ends(program: Program) -> bool:
    """Start the program; tell whether it ended, as it should, and did not serve."""
    program.log.unlink(missing_ok=True)
    try:
        program.start()
    except AssertionError:
        (line,) = program.log.read_text().splitlines()
        assert "database" in line
        return True
    # What it could not write for the damage, it says.
    assert 0 == program.stop() or "server.unwritten" in program.log.read_text()
    return False


@pytest.fixture(name="silent")
def _silent() -> Iterator[int]:
    """Return a port that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_no_postgres(program: Program) -> None:
    """
    A PostgreSQL that is not there is named.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"postgresql://somebody@127.0.0.1:{port}/x"

    assert str(port) in refused(program, database=url)


def test_silent_postgres(program: Program, silent: int) -> None:
    """
    One that does not answer is given up, also where there are several of them.
    """
    hosts = ",".join([f"127.0.0.1:{silent}"] * 3)
    url = f"postgresql://somebody@{hosts}/x"

    assert "database" in refused(program, database=url)
