"""Deleting old history over the API."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pushserver.clock import rfc3339
from pushserver.services import purging
from tests.database_rows import every_row
from tests.each_case import each_case
from tests.web.api.tasks import (
    change_task,
    create_task,
    get_task,
    run_steps,
    task_counts,
)
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer, Response

LATER = "2999-01-01T00:00:00Z"
LOAD = dict(LOAD_USERS)
FUTURE = {"before": LATER, "allowFuture": True}


async def test_purge(server: LocalServer) -> None:
    """
    Ended commands and their results go; the answer says what is left, and when it is
    done.
    """
    await server.enqueue()
    await server.poll()
    await server.post_result()
    await server.enqueue()

    answer = await server.api("POST", "/purge", FUTURE)
    again = await server.api("POST", "/purge", FUTURE)

    assert {"deleted": 2, "left": 1, "done": True} == answer.json()
    assert {"deleted": 0, "left": 1, "done": True} == again.json()
    assert 1 == len((await server.api("GET", "/commands")).json()["items"])


@each_case(
    ("body", "pointer"),
    [
        ({}, "/before"),
        ({"before": "yesterday"}, "/before"),
        ({"before": "1815-01-01T00:00:00Z"}, "/before"),
        ({"before": LATER, "after": LATER}, "/after"),
    ],
)
async def test_refused(server: LocalServer, body: object, pointer: str) -> None:
    """
    A body without an instant that makes sense is refused, and nothing is deleted.
    """
    answer = await server.api("POST", "/purge", body)

    assert (422, "invalid", pointer) == answer.problem


async def test_future(server: LocalServer) -> None:
    """
    An instant to come is refused unless it is meant, and the present is not to come.
    """
    now, next_ = server.clock.now(), server.clock.now() + 1
    refused = [
        await server.api("POST", "/purge", {"before": rfc3339(next_), "dryRun": dry})
        for dry in (False, True)
    ]
    allowed = await server.api("POST", "/purge", {"before": rfc3339(now)})

    assert {(422, "invalid", "/before")} == {answer.problem for answer in refused}
    assert 200 == allowed.status


async def test_dry_run(server: LocalServer) -> None:
    """
    A dry run counts what would be deleted, and deletes nothing.
    """
    for _ in range(2):
        await server.enqueue()
        await server.poll()
        await server.post_result()
    await server.enqueue()

    dry = await server.api("POST", "/purge", {**FUTURE, "dryRun": True})
    again = await server.api("POST", "/purge", {**FUTURE, "dryRun": True})
    done = await server.api("POST", "/purge", FUTURE)

    assert {"deleted": 4, "left": 1, "done": True, "dryRun": True} == dry.json()
    assert dry.json() == again.json()
    assert {"deleted": 4, "left": 1, "done": True} == done.json()


async def enqueue_once(server: LocalServer, key: str, body: object = LOAD) -> Response:
    """Enqueue under a key."""
    path, headers = f"/devices/{DEVICE}/commands", {"Idempotency-Key": key}
    return await server.api("POST", path, body, headers=headers)


async def test_answers(server: LocalServer, database: str) -> None:
    """
    What was answered under a key is purged, too; the key stays, so nothing is done a
    second time. Newer answers, and those of other scopes, stay.
    """
    old = await enqueue_once(server, "old")
    other = (await server.api("POST", "/scopes", {"name": "other"})).json()["token"]
    foreign = {"Idempotency-Key": "theirs"}
    path = "/devices/77/commands"
    await server.api("POST", path, LOAD, token=other, headers=foreign)
    server.clock.tick(seconds=1)
    before = rfc3339(server.clock.now())
    new = await enqueue_once(server, "new")

    await server.api("POST", "/purge", {"before": before})

    kept = {
        row["value"]: bytes(row["response_body"])
        for table, row in every_row(database)
        if table == "idempotency_key"
    }
    again = await enqueue_once(server, "old")
    assert b"" == kept["old"]
    assert new.body == kept["new"]
    assert kept["theirs"]
    assert 201 == old.status
    assert (409, "idempotency-unknown", None) == again.problem
    assert (422, "idempotency-mismatch", None) == (
        await enqueue_once(server, "old", {"endpoint": "reboot"})
    ).problem
    assert 2 == len((await server.api("GET", "/commands")).json()["items"])


def log_of(database: str) -> bytes:
    """Return what stands in the log beside a SQLite file."""
    return Path(database.removeprefix("sqlite:///") + "-wal").read_bytes()


@pytest.mark.only_on("sqlite")
async def test_log(server: LocalServer, database: str) -> None:
    """
    When it is done, nothing of what was deleted stands in the log beside the file.
    """
    secret = "a-photo-of-somebody"
    await server.enqueue({**LOAD, "metadata": secret})
    await server.poll()
    await server.post_result()
    before = log_of(database)

    await server.api("POST", "/purge", FUTURE)

    assert secret.encode() in before
    assert b"" == log_of(database)


@pytest.mark.only_on("sqlite")
async def test_log_in_use(
    server: LocalServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Somebody who reads the file keeps its log; the purge is done, and says so.
    """
    monkeypatch.setattr(purging, "_LOG_INTERVAL", 0)
    await server.enqueue()
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM command").fetchone()
        await server.enqueue()

        with capture_logs() as logs:
            answer = await server.api("POST", "/purge", FUTURE)

    assert answer.json()["done"]
    assert "purge.log_in_use" in {line["event"] for line in logs}


async def test_task_under_way(server_with_devices: LocalServer) -> None:
    """
    What has ended of a task that has not is kept: it counts, and failures stop it.
    """
    server = server_with_devices
    task = await create_task(server, concurrency=1, stopAfterFailures=2)
    kept = []
    for device in (1, 2):
        await run_steps(server, device, body=b'{"error":"no"}')
        await server.api("POST", "/purge", FUTURE)
        kept.append(task_counts(await get_task(server, task)))
    paused = await get_task(server, task)
    await change_task(server, task, "cancel")
    await server.services.task_scheduler.advance()
    purged = (await server.api("POST", "/purge", FUTURE)).json()

    assert [1, 2] == [failed for _, _, failed, *_ in kept]
    assert "PAUSED" == paused["state"]
    assert purged["done"]
    assert 404 == (await server.api("GET", f"/tasks/{task['id']}")).status
