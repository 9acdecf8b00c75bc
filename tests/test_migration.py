"""What a SQLite file has, a PostgreSQL has after the copy; or nothing was changed."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

from pushserver.cli import main
from pushserver.client import Client
from pushserver.errors import Misconfigured
from pushserver.migration import migrate
from pushserver.model.event import EventType
from pushserver.storage.sqlite.backup import back_up
from pushserver.storage.sqlite.restore import restore
from pushserver.storage.subscriptions import StreamInterest
from tests.clock import START, ManualClock
from tests.database_rows import every_row, open_reader
from tests.e2e.faulty_network import FaultyNetwork
from tests.postgres import database_without_tables, empty_database
from tests.program import Program
from tests.web.api.tenant import Tenant, empty_tenant, populated_tenant
from tests.web.api.upgrades import create_upgrade, run_steps, version_result
from tests.web.local_server import (
    LOAD_USERS,
    OPEN_DOOR,
    TOKEN,
    LocalServer,
    running_server,
)

if TYPE_CHECKING:
    from pushserver.client.types import CommandInput

pytestmark = pytest.mark.only_on("postgres")
Rows = Counter[tuple[Any, ...]]

INSIDE = {"webhook_allow_networks": "127.0.0.0/8"}
#: What the API has to show.
LISTS = (
    "/commands",
    "/results",
    "/operations",
    "/tasks",
    "/upgrades",
    "/subscriptions",
    "/tokens",
)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """Return where the file is, of which there is nothing yet."""
    return tmp_path / "store.db"


@pytest.fixture(name="file")
async def _file(path: Path, clock: ManualClock) -> str:
    """Return the address of a file with rows in every table."""
    address = f"sqlite:///{path}"
    async with running_server(address, clock, **INSIDE) as server:
        await fill(server)
    return address


@pytest.fixture(name="database_without_tables")
def _bare(database: str) -> Iterator[str]:
    """Return the address of a database in which there is not even a table."""
    with database_without_tables(database) as url:
        yield url


async def fill(server: LocalServer) -> Tenant:
    """Have rows in every table."""
    await server.api("PUT", "/devices/1", {})
    await server.poll("deviceId=1")
    await server.services.write_behind.flush()
    await create_upgrade(server)
    await run_steps(server, version_result("1.0"), b'{"response":{}}', device=1)
    await server.post_result(bytes(range(256)) * 4097, query="deviceId=1")
    once = {"Idempotency-Key": "k1"}
    order = {**LOAD_USERS, "metadata": "a \\u0000 in it, a \\ and a\ttab"}
    await server.api("POST", "/devices/1/commands", order, headers=once)
    key = {"apiKey": TOKEN}
    await server.request("POST", "/v1/authentication/apikey", json=key)
    owner = await populated_tenant(await empty_tenant(server, "first"), "first", 0)
    await server.services.write_behind.flush()
    await server.services.latency_history.save()
    interest = StreamInterest(1, EventType.COMMAND_STATUS, START, START + 1)
    await server.services.store.stream_interests.save_interests([interest])
    return owner


def rows_of(database: str) -> Rows:
    """Return every row with its table, however often it is there."""
    return Counter(
        (table, *sorted(row.items()))
        for table, row in every_row(database)
        if table != "schema_version"
    )


def nothing(_done: int, _total: int) -> None:
    """Look away."""


async def test_everything_is_copied(file: str, database: str) -> None:
    """
    Every row of every table is there, as it was; the file has all of its own.
    """
    before = rows_of(file)
    counts = migrate(file, database, nothing)

    assert before == rows_of(database)
    assert before == rows_of(file)
    assert sum(before.values()) == sum(counts.values())
    # The clock of tests is no machine's.
    assert ["clock_anchor", "integrity_check"] == [
        table for table, rows in counts.items() if not rows
    ]


async def test_a_server_goes_on(path: Path, database: str, clock: ManualClock) -> None:
    """
    A server over the copy shows what the one over the file showed, and goes on.
    """
    async with running_server(f"sqlite:///{path}", clock, **INSIDE) as server:
        owner = await fill(server)
        before = [(await owner.api("GET", each)).json() for each in LISTS]
    migrate(f"sqlite:///{path}", database, nothing)
    async with running_server(database, clock, **INSIDE) as server:
        await server.services.subscription_registry.load()
        there = Tenant(server, owner.token, owner.ids, owner.marks)
        after = [(await there.api("GET", each)).json() for each in LISTS]
        mine = f"/devices/{owner.ids['device_id']}/commands"
        created = await there.api("POST", mine, dict(LOAD_USERS))

    newest = max(int(each["id"]) for page in before[:2] for each in page["items"])
    assert all(page["items"] for page in before)
    assert before == after
    assert int(created.json()["id"]) > newest


def refused_start(program: Program) -> str:
    """Return the one line with which the program refuses to start."""
    before = len(program.log.read_text().splitlines())
    assert 1 == program.run()
    (line,) = program.log.read_text().splitlines()[before:]
    return line


async def test_a_copied_file_is_not_served(tmp_path: Path, database: str) -> None:
    """
    A server over a copied file refuses to start, and says in one line why, and what to
    do; with --again it starts, and opens no door by itself. Later it needs no more.
    """
    program = Program(tmp_path)
    program.start()
    async with Client(program.url, program.token) as api:
        door = await api.commands.enqueue(
            "1", cast("CommandInput", {**OPEN_DOOR, "expiresIn": 3600})
        )
    program.stop()
    migrate(program.database, database, nothing)
    why = refused_start(program)
    program.start(again="true")
    async with Client(program.url, program.token) as api:
        held = await api.commands.list(held=True)
    program.stop()
    program.start()

    assert 0 == program.stop()
    assert "migrate-store" in why
    assert "--again" in why
    assert str(program.file) in why
    assert [door["id"]] == [each["id"] for each in held["items"]]


async def test_a_backup_of_it_neither(file: str, tmp_path: Path, database: str) -> None:
    """
    The mark is in the file itself: it goes with a copy.
    """
    migrate(file, database, nothing)
    copy = tmp_path / "copy" / "pushserver.db"
    copy.parent.mkdir()
    with closing(sqlite3.connect(file.removeprefix("sqlite:///"))) as link:
        link.execute("VACUUM INTO ?", (str(copy),))
    program = Program(copy.parent)
    program.log.touch()

    assert "--again" in refused_start(program)


async def test_a_copy_that_failed_leaves_no_mark(
    file: str, database: str, clock: ManualClock
) -> None:
    """
    A file of which nothing was copied is served as before.
    """
    with psycopg.connect(database) as link:
        link.execute("INSERT INTO scope VALUES (7, 'other', 0)")

    assert "not empty" in refused(file, database)
    async with running_server(file, clock, **INSIDE) as server:
        assert len(server.services.devices)


async def test_used_before(file: str, database: str, clock: ManualClock) -> None:
    """
    What waits in the copy is handed out, whatever was known of lanes in the target.
    """
    with psycopg.connect(database) as link:
        link.execute(
            "INSERT INTO lane (device_id, version, live_count, blocked_until)"
            " VALUES (1, 1, 0, 0)"
        )
    migrate(file, database, nothing)
    async with running_server(database, clock, **INSIDE) as server:
        await server.services.subscription_registry.load()
        handed_out = await server.poll("deviceId=1")

    assert b"" != handed_out.body


async def test_planned_well(file: str, database_without_tables: str) -> None:
    """
    What was copied is known to who plans; what is empty is not taken to stay so.
    """
    migrate(file, database_without_tables, nothing)
    with open_reader(database_without_tables) as read:
        estimates = dict(read("SELECT relname, reltuples FROM pg_class"))

    assert estimates["command"] > 0 > estimates["lane"]


async def test_nul(path: Path, database: str, clock: ManualClock) -> None:
    """
    A text's NUL, which PostgreSQL cannot keep, becomes what the store makes of it.
    """
    async with running_server(f"sqlite:///{path}", clock, **INSIDE) as server:
        await server.poll("deviceId=1")
        await server.services.write_behind.flush()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE device_seen SET address = 'a' || char(0) || 'b'")

    migrate(f"sqlite:///{path}", database, nothing)

    with open_reader(database) as read:
        assert [("a\ufffdb",)] == read("SELECT address FROM device_seen")


def refused(source: str, target: str) -> str:
    """Return why nothing is copied."""
    with pytest.raises(Misconfigured) as refusal:
        migrate(source, target, nothing)
    return str(refusal.value)


#: COMMIT as it is asked for, and as it is answered; the question what became of it.
COMMIT, COMMITTED, QUESTION = b"COMMIT\0", b"\x0bCOMMIT\0", b"created_at FROM scope"


async def migrate_cut(file: str, database: str, *cut_at: bytes) -> str:
    """Copy over a network that loses these; return what is wrong, if anything is."""
    async with FaultyNetwork.in_front_of(database) as network:
        network.cut_at = cut_at
        try:
            await asyncio.to_thread(migrate, file, network.url, nothing)
        except Misconfigured as refusal:
            return str(refusal)
    return ""


def start_over(file: str, folder: Path) -> str:
    """Return why the program does not start over the file."""
    program = Program(folder, database_url=file)
    program.log.touch()
    return refused_start(program)


async def test_an_answer_that_is_lost(file: str, tmp_path: Path, database: str) -> None:
    """
    All was copied, though nobody heard so: the file is marked, and nothing is wrong.
    """
    before = rows_of(file)
    said = await migrate_cut(file, database, COMMITTED)

    assert "" == said
    assert before == rows_of(database)
    assert "was copied" in start_over(file, tmp_path)


async def test_a_commit_that_is_lost(
    file: str, database: str, clock: ManualClock
) -> None:
    """
    Nothing was copied: the file is served as before, and can be copied later.
    """
    said = await migrate_cut(file, database, COMMIT)
    async with running_server(file, clock, **INSIDE) as server:
        devices = len(server.services.devices)
    migrate(file, database, nothing)

    assert said.startswith("Nothing was copied")
    assert devices
    assert rows_of(file) == rows_of(database)


async def test_nobody_knows(file: str, tmp_path: Path, database: str) -> None:
    """
    Where it cannot be known whether all was copied, the file is not served. To copy
    once more says so, if it was; if not, it copies.
    """
    said = await migrate_cut(file, database, COMMITTED, QUESTION)
    at_start = start_over(file, tmp_path)
    again = refused(file, database)
    migrate(file, empty_database(), nothing)

    assert "everything was copied, or nothing" in said
    assert "--again" in said
    assert "--again" in at_start
    assert "run it again" in at_start
    assert "has a copy of this file" in again
    assert rows_of(file) == rows_of(database)
    assert "was copied" in start_over(file, tmp_path)


async def test_back_to_a_file_of_which_nobody_knows(
    file: str, tmp_path: Path, database: str
) -> None:
    """
    A file that may have been copied is served with --again, and then without.
    """
    await migrate_cut(file, database, COMMITTED, QUESTION)
    program = Program(tmp_path, database_url=file)
    program.start(again="true")
    codes = [program.stop()]
    program.start()

    assert [0, 0] == [*codes, program.stop()]


async def test_restored_and_not_served(
    file: str, path: Path, tmp_path: Path, database: str
) -> None:
    """
    A restored file is not copied before a server has held what was pending in it:
    servers over the copy would not hold it.
    """
    backup = tmp_path / "backup.db"
    back_up(path, backup)
    restore(backup, path, START)

    assert "was restored" in refused(file, database)
    assert not rows_of(database) - rows_of(file)


def test_no_file(path: Path, database: str) -> None:
    """
    A file that is not there is named, and not made.
    """
    assert str(path) in refused(f"sqlite:///{path}", database)
    assert not path.exists()


def test_no_database_of_ours(path: Path, database: str) -> None:
    """
    What is no database, or none of this release, is refused.
    """
    path.write_bytes(b"certainly no database" * 1000)
    assert "no SQLite database" in refused(f"sqlite:///{path}", database)
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 999")
    assert "999" in refused(f"sqlite:///{path}", database)


def test_wrong_way_round(file: str, database: str) -> None:
    """
    It goes from a file to a PostgreSQL.
    """
    assert "sqlite:///" in refused(database, file)
    assert "postgresql://" in refused(file, file)


def test_server_at_work_over_the_file(tmp_path: Path, database: str) -> None:
    """
    A file that a server has is left to it.
    """
    program = Program(tmp_path)
    program.start()
    why = refused(program.database, database)

    assert "in use" in why
    assert 0 == program.stop()


def test_server_at_work_over_the_target(
    tmp_path: Path, file: str, database: str
) -> None:
    """
    Nor is anything put below a server.
    """
    program = Program(tmp_path, database)
    program.start()
    why = refused(file, database)

    assert "at work" in why
    assert 0 == program.stop()


async def test_not_empty(file: str, database: str, clock: ManualClock) -> None:
    """
    A target in which something is stays as it is.
    """
    async with running_server(database, clock, **INSIDE) as server:
        await server.poll("deviceId=1")
        await server.services.write_behind.flush()
    before = rows_of(database)

    assert "not empty" in refused(file, database)
    assert before == rows_of(database)


async def test_nothing_left_behind(file: str, database_without_tables: str) -> None:
    """
    A copy that fails in its last table leaves not even an empty one.
    """
    with closing(sqlite3.connect(file.removeprefix("sqlite:///"))) as broken, broken:
        broken.execute("PRAGMA ignore_check_constraints = ON")
        broken.execute("UPDATE webhook SET state = 'lost'")

    assert "webhook" in refused(file, database_without_tables)
    with open_reader(database_without_tables) as read:
        assert [] == read("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")


def test_unreachable(file: str) -> None:
    """
    A database that cannot be reached is an error in words.
    """
    assert "Nothing was copied" in refused(file, "postgresql:///x?host=/nowhere")


def test_command(
    file: str, database_without_tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The command prints what it copied, into a database that had no tables, and refuses
    to do so again.
    """
    codes = [
        main(["migrate-store", file, database_without_tables], {}) for _ in range(2)
    ]
    output = capsys.readouterr()

    assert [0, 1] == codes
    assert "command" in output.out
    assert "100%" in output.err
    assert "not empty" in output.err
