"""The database is a file: it is ours alone, and it is there, or the server says so."""

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from pushserver.client import ApiError, Client, Unreachable
from tests.e2e.conftest import DEVICE
from tests.e2e.test_device_life import LOAD_USERS
from tests.e2e.test_refusals import refused
from tests.program import Program
from tests.web.local_server import wait_until

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput

ME = str(DEVICE)
pytestmark = pytest.mark.only_on("sqlite")


async def status_of(url: str) -> int:
    """Return the status of the answer."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def is_ready(program: Program) -> bool:
    """Tell whether the program says that it is ready."""
    return 200 == await status_of(f"{program.url}/readyz")


async def refusals(api: Client, count: int) -> list[int]:
    """Enqueue so many commands; return with which status each was refused."""
    found = []
    for _ in range(count):
        with pytest.raises(ApiError) as caught:
            await api.commands.enqueue(ME, LOAD_USERS)
        found.append(caught.value.status)
    return found


def beside(file: Path, suffix: str) -> Path:
    """Return what SQLite keeps beside the file."""
    return file.with_name(file.name + suffix)


def put_copy(file: Path) -> None:
    """Put a copy in the file's place."""
    copy = file.with_name("copy")
    shutil.copyfile(file, copy)
    copy.rename(file)


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(Path.unlink, id="deleted"),
        pytest.param(put_copy, id="replaced"),
        pytest.param(lambda file: beside(file, "-wal").unlink(), id="log"),
        pytest.param(lambda file: beside(file, "-shm").unlink(), id="index"),
        pytest.param(lambda file: file.rename(file.with_name("x")), id="renamed"),
    ],
)
async def test_it_is_gone(
    server: Program, api: Client, harm: Callable[[Path], None]
) -> None:
    """
    From then on nothing is confirmed, the server is not ready, and the log says why.
    """
    await api.commands.enqueue(ME, LOAD_USERS)

    harm(server.file)

    assert [503] * 5 == await refusals(api, 5)
    assert 503 == await status_of(f"{server.url}/readyz")
    assert 200 == await status_of(f"{server.url}/push?deviceId={ME}")
    assert 1 == len((await api.commands.list())["items"])
    await wait_until(lambda: bool(server.log_lines("sqlite.file_lost")))
    assert 1 == len(server.log_lines("sqlite.file_lost"))


@pytest.mark.parametrize(
    ("suffix", "size"), [("", 0), ("", 8192), ("-wal", 0), ("-wal", 8192)]
)
async def test_it_is_cut_off(program: Program, suffix: str, size: int) -> None:
    """
    What was cut off is noticed before anything more is confirmed, and is not copied
    into what is left: what was in the file before is still there.
    """
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        kept = await api.commands.enqueue(ME, LOAD_USERS)
    # A stop copies all that there is into the file.
    program.stop()
    copy = program.file.with_name("copy")
    shutil.copyfile(program.file, copy)
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        await api.commands.enqueue(ME, LOAD_USERS)
        os.truncate(beside(program.file, suffix), size)
        assert [503] * 3 == await refusals(api, 3)
        assert 503 == await status_of(f"{program.url}/readyz")
    await wait_until(lambda: bool(program.log_lines("sqlite.file_lost")))
    program.stop()

    if not suffix:
        copy.rename(program.file)
        beside(program.file, "-wal").unlink(missing_ok=True)
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        assert "PENDING" == (await api.commands.get(kept["id"]))["state"]
    program.stop()


async def test_its_index_is_cut_off(program: Program) -> None:
    """
    That ends the process, with a line that says so; the next start has everything.
    """
    program.wrapper = ("env",)
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        kept = await api.commands.enqueue(ME, LOAD_USERS)
        os.truncate(beside(program.file, "-shm"), 4096)
        with suppress(ApiError, Unreachable):
            await api.commands.enqueue(ME, LOAD_USERS)
        with suppress(ApiError, Unreachable):
            await api.commands.list()
    code = await asyncio.to_thread(program.wait)

    assert -signal.SIGBUS == code
    assert "Fatal Python error: Bus error" in program.log.read_text()
    program.log.unlink()
    program.wrapper = ()
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        assert "PENDING" == (await api.commands.get(kept["id"]))["state"]
    assert 0 == await asyncio.to_thread(program.stop)


async def test_somebody_else_empties_the_log(server: Program, api: Client) -> None:
    """
    A log that a tool has copied into the file and cut is as short as it should be.
    """
    await api.commands.enqueue(ME, LOAD_USERS)
    with closing(sqlite3.connect(server.file)) as tool:
        busy = tool.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    assert 0 == busy

    command = await api.commands.enqueue(ME, LOAD_USERS)

    assert (0, "PENDING") == (busy, command["state"])


async def test_it_is_back(server: Program, api: Client) -> None:
    """
    When the same file has its name again, the server goes on.
    """
    aside = server.file.with_name("aside")
    server.file.rename(aside)
    assert [503] == await refusals(api, 1)
    aside.rename(server.file)

    command = await api.commands.enqueue(ME, LOAD_USERS)

    assert "PENDING" == command["state"]


def linked(program: Program, link: Callable[[Path, Path], None]) -> Program:
    """Return a program on the same file by another name."""
    folder = program.folder / "other"
    folder.mkdir()
    link(folder / "other.db", program.file)
    return Program(folder, f"sqlite:///{folder / 'other.db'}")


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_another_name(server: Program, link: Callable[[Path, Path], None]) -> None:
    """
    A second server refuses the file by whatever name.
    """
    other = linked(server, link)

    assert "in use by another" in refused(other)
    assert 0 == server.stop()


def test_nothing_beside_it(server: Program) -> None:
    """
    The lock is the file's own: there is nothing beside it that could be deleted.
    """
    name = server.file.name
    found = {path.name for path in server.folder.iterdir()}

    assert {name, f"{name}-wal", f"{name}-shm", "server.log"} == found


def test_by_symbolic_link(server: Program) -> None:
    """
    A server may be given the file by a symbolic link; it is the same file.
    """
    server.stop()
    other = linked(server, Path.symlink_to)
    other.start()
    assert 0 == other.stop()
    server.start()

    assert 0 == server.stop()


def test_two_names(program: Program) -> None:
    """
    A file with two names is refused, with what to do: each has its latest writes.
    """
    program.start()
    program.stop()
    program.log.unlink()
    other = linked(program, Path.hardlink_to)

    assert "2 names" in refused(program)
    other.file.unlink()
    program.start()

    assert 0 == program.stop()


MOUNT_FILE = 'mount --bind "$0" "$1" && shift && exec "$@"'


def test_mounted_file(program: Program) -> None:
    """
    So is a file that is mounted at another name, whatever is in that, with what to do.
    """
    program.file.touch()
    other = Program(program.folder, f"sqlite:///{program.folder / 'a name.db'}")
    other.file.touch()
    unshare = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT_FILE)
    other.wrapper = (*unshare, str(program.file), str(other.file))
    tried = subprocess.run([*other.wrapper, "true"], check=False)  # noqa: S603 - ours
    if tried.returncode:
        pytest.skip("this user may not mount a file")

    assert "Mount the folder" in refused(other)


@pytest.mark.parametrize("umask", ["000", "022"])
async def test_for_its_owner_alone(program: Program, umask: str) -> None:
    """
    Every file that the server makes is readable by its owner alone.
    """
    program.wrapper = ("sh", "-c", f'umask {umask}; exec "$@"', "sh")
    program.database_url = f"sqlite:///{program.folder / 'new.db'}"
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        await api.commands.enqueue(ME, LOAD_USERS)
    paths = [beside(program.file, suffix) for suffix in ("", "-wal", "-shm")]

    assert [0o600] * 3 == [stat.S_IMODE(path.stat().st_mode) for path in paths]


async def test_cut_to_nothing(program: Program) -> None:
    """
    An empty file beside which latest writes lie is not taken for a new one.
    """
    program.start()
    async with Client(program.url, program.token, retry_for=0) as api:
        await api.commands.enqueue(ME, LOAD_USERS)
        await asyncio.to_thread(program.kill)
    program.log.unlink()
    os.truncate(program.file, 0)
    latest = beside(program.file, "-wal")
    size = latest.stat().st_size

    assert "it is empty, but was not" in refused(program)
    assert size == latest.stat().st_size


def test_new_and_empty(program: Program) -> None:
    """
    An empty file of which nothing says that it was not is one that somebody made.
    """
    program.file.touch()
    beside(program.file, "-wal").touch()
    program.start()

    assert 0 == program.stop()


#: Bytes that are left on a disk: enough for a small command.
ROOM = 400_000
SMALL_DISK = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'


def on_a_small_disk(program: Program) -> Path:
    """Give the program a disk of 2 MiB for its database; return where it is."""
    wrapper = ("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK)
    disk = program.folder / "disk"
    disk.mkdir()
    tried = subprocess.run([*wrapper, disk, "true"], check=False)  # noqa: S603 - our own
    if tried.returncode:
        pytest.skip("this user may not mount a disk")
    program.wrapper = (*wrapper, str(disk))
    program.database_url = f"sqlite:///{disk / 'pushserver.db'}"
    return disk


def fill(path: Path) -> None:
    """Write into a file until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


async def test_full_disk(program: Program) -> None:
    """
    While the disk is full nothing is confirmed or ready; with room, all goes on.
    """
    disk = on_a_small_disk(program)
    program.start()
    filler = Path(f"/proc/{program.pid}/root") / disk.relative_to("/") / "filler"
    async with Client(program.url, program.token, retry_for=0) as api:
        first = await api.commands.enqueue(ME, LOAD_USERS)
        fill(filler)

        assert [503] * 3 == await refusals(api, 3)
        assert 503 == await status_of(f"{program.url}/readyz")
        assert 200 == await status_of(f"{program.url}/healthz")

        filler.unlink()
        second = await api.commands.enqueue(ME, LOAD_USERS)
        await wait_until(lambda: is_ready(program))
        ids = {each["id"] for each in (await api.commands.list())["items"]}
    assert {first["id"], second["id"]} == ids
    assert 0 == await asyncio.to_thread(program.stop)


async def test_a_disk_with_little_room(program: Program) -> None:
    """
    Where a command found no room, one that is only tried does not make it ready.
    """
    disk = on_a_small_disk(program)
    program.start()
    filler = Path(f"/proc/{program.pid}/root") / disk.relative_to("/") / "filler"
    fill(filler)
    os.truncate(filler, filler.stat().st_size - ROOM)
    large: CommandInput = {**LOAD_USERS, "body": {"object": "x" * 2 * ROOM}}
    async with Client(program.url, program.token, retry_for=0) as api:
        with pytest.raises(ApiError) as caught:
            await api.commands.enqueue(ME, large)
        unready = await status_of(f"{program.url}/readyz")
        await api.commands.enqueue(ME, LOAD_USERS)

        assert (503, 503) == (caught.value.status, unready)
        await wait_until(lambda: is_ready(program))
