"""What was at work when schema 1 was upgraded goes on, whatever it was."""

from collections.abc import AsyncIterator

import pytest

from pushserver.settings_loading import load
from pushserver.stores import migrator_of
from tests.database_rows import open_reader
from tests.storage.migrations.first import KEY, NOW, READING_TOKEN, TOKEN_OF_SECOND
from tests.storage.migrations.work import (
    answer,
    command_of,
    counts,
    going_on,
    listed,
    proceed,
)
from tests.web.api.upgrades import NEW
from tests.web.local_server import LOAD_USERS, OPEN_DOOR, LocalServer
from tests.web.receiver import running_receiver

#: What step 2 renamed.
RENAMED = {"upgrade_part": "device_upgrade", "stray_request": "unknown_request"}
#: What is live in some table, and the condition that shows it.
LIVE = {
    "command": ("state = 'PENDING'", "state = 'DELIVERED'", "state = 'TIMEOUT'"),
    "delivery": ("ended_at IS NULL", "outcome = 'noAnswer'"),
    "device": ("state = 'quarantined'", "key_hash IS NOT NULL"),
    "operation": ("status = 'RUNNING' AND queued = done", "queued = 0"),
    "result": ("command_id IS NULL",),
    "shadow": ("outcome IS NULL",),
    "task": ("ended_at IS NULL",),
    "upgrade_part": ("state = 'downloading'",),
    "webhook": ("state = 'pending'", "state = 'dead'"),
}


@pytest.fixture(name="site")
async def _site(old: str) -> AsyncIterator[LocalServer]:
    """Return a server of today over the database of schema 1."""
    async with going_on(old) as site:
        yield site


def test_every_table(old: str) -> None:
    """
    The database of schema 1 has rows in every table, and live ones where that counts.
    """
    empty = [table for table, rows in counts(old).items() if not rows]
    dead = [
        (table, condition)
        for table, conditions in LIVE.items()
        for condition in conditions
        if not _found(old, table, condition)
    ]

    assert [] == empty
    assert [] == dead


def _found(database: str, table: str, condition: str) -> bool:
    with open_reader(database) as read:
        return bool(read(f"SELECT 1 FROM {table} WHERE {condition}"))  # noqa: S608


def test_deliveries_stay(old: str) -> None:
    """
    Deliveries are what they were, also where their table was made anew.
    """
    sql = (
        "SELECT id, command_id, device_id, uuid, address, sent_at, delivered_at,"
        " ended_at, outcome FROM delivery ORDER BY id"
    )
    with open_reader(old) as read:
        before = read(sql)
    migrator_of(load({"database": old}, {})).migrate(NOW)

    with open_reader(old) as read:
        assert before == read(sql) != []


def test_nothing_lost(old: str) -> None:
    """
    Every table has its rows after the upgrade.
    """
    before = {RENAMED.get(name, name): rows for name, rows in counts(old).items()}
    migrator_of(load({"database": old}, {})).migrate(NOW)
    after = counts(old)

    assert before == {name: rows for name, rows in after.items() if name in before}
    new = {
        "schema_version",
        "clock_period",
        "clock_anchor",
        "audit",
        "piece",
        "blob",
        "integrity_check",
        "session",
        "latency",
    }
    assert new >= after.keys() - before.keys()


async def test_pending(site: LocalServer) -> None:
    """
    What was pending is handed out.
    """
    given = await site.poll("deviceId=1")
    command = await command_of(site, 1)

    assert LOAD_USERS["body"] == given.json()["body"]
    assert ("pending", "SENT") == (command["metadata"], command["state"])


async def test_long_lane(site: LocalServer) -> None:
    """
    A long lane has all its commands, in order.
    """
    given = []
    for _ in range(18):
        assert not (await site.poll("deviceId=13&uuid=u")).is_empty
        items = await listed(site, "/devices/13/commands?state=SENT&state=DELIVERED")
        given += [each["metadata"] for each in items]
        await answer(site, 13, uuid="u")

    assert [f"long {number}" for number in range(18)] == given
    assert (await site.poll("deviceId=13")).is_empty


async def test_in_flight(site: LocalServer) -> None:
    """
    The result of what was in flight matches.
    """
    await answer(site, 2, uuid="u2")
    command = await command_of(site, 2)

    assert "SUCCESSFUL" == command["state"]
    assert "uuid" == command["result"]["matchedBy"]


async def test_given_up(site: LocalServer) -> None:
    """
    What was given up holds its endpoint back, and its late result matches.
    """
    await site.enqueue(OPEN_DOOR, 3)
    held_back = await site.poll("deviceId=3")
    given_up = (await listed(site, "/devices/3/commands"))[1]
    await answer(site, 3)
    after = await site.get_command(given_up["id"])

    assert held_back.is_empty
    assert ("given up", "TIMEOUT") == (given_up["metadata"], given_up["state"])
    assert ("SUCCESSFUL", "lastGivenUp") == (
        after["state"],
        after["result"]["matchedBy"],
    )


@pytest.mark.parametrize(("device", "uuid"), [(6, "u6"), (7, "u7")])
async def test_operation(site: LocalServer, device: int, uuid: str) -> None:
    """
    An operation takes its next step, whether that was pending or only due, and ends.
    """
    await proceed(site)
    given = await site.poll(f"deviceId={device}&uuid={uuid}b")
    await answer(site, device, uuid=f"{uuid}b")
    (operation,) = await listed(site, f"/operations?deviceId={device}")

    assert {"object": "cards"} == given.json()["body"]
    assert "COMPLETED" == operation["status"]


async def test_task(site: LocalServer) -> None:
    """
    A task goes on with its next device when the one before it is done, and ends.
    """
    await proceed(site)
    waits = await site.poll("deviceId=9&uuid=u9")
    await answer(site, 8, uuid="u8")
    begins = await site.poll("deviceId=9&uuid=u9")
    await answer(site, 9, uuid="u9")
    task = next(t for t in await listed(site, "/tasks") if t["name"] == "nightly")

    assert (True, False) == (waits.is_empty, begins.is_empty)
    assert ("COMPLETED", 2) == (task["state"], task["counts"]["COMPLETED"])


async def test_upgrade(site: LocalServer) -> None:
    """
    An upgrade goes on where it was on one device, and begins on another.
    """
    await answer(site, 10, uuid="u10b")
    for body in (b'{"response":{}}', NEW):
        assert not (await site.poll("deviceId=10&uuid=u10c")).is_empty
        await answer(site, 10, body, uuid="u10c")
    await site.poll("deviceId=11")
    await proceed(site)
    begins = await site.poll("deviceId=11")
    (upgrade,) = await listed(site, "/upgrades")
    parts = await listed(site, f"/upgrades/{upgrade['id']}/devices")
    part = next(each for each in parts if each["deviceId"] == "10")

    assert ("2.0", "SUCCESS") == (part["currentVersion"], part["result"])
    assert not begins.is_empty


async def test_webhooks(site: LocalServer) -> None:
    """
    What was pending is sent, as is what was not looked at; what is dead is sent again.
    """
    dead, pending = await listed(site, "/subscriptions")
    if pending["description"] != "pending":
        dead, pending = pending, dead
    async with running_receiver() as receiver:
        for each in (dead, pending):
            path = f"/subscriptions/{each['id']}"
            await site.api("PATCH", path, {"url": f"{receiver.url}/{each['id']}"})
        site.clock.tick(seconds=60)
        await site.deliver_webhooks()
        paths = [each.path for each in receiver.received]
        path = f"/subscriptions/{dead['id']}/deliveries"
        (delivery,) = await listed(site, f"{path}?state=dead")
        await site.api("POST", f"{path}/{delivery['id']}/redeliver")
        await site.deliver_webhooks()

    backlog = (await site.api("GET", f"/subscriptions/{pending['id']}")).json()
    assert pending["backlog"]["pending"] > 0 < pending["backlog"]["unread"]
    assert {"pending": 0, "dead": 0, "unread": 0, "dropped": 0} == backlog["backlog"]
    waited = pending["backlog"]["pending"] + pending["backlog"]["unread"]
    assert waited == paths.count(f"/{pending['id']}")
    assert f"/{dead['id']}" == receiver.received[-1].path


async def test_shadow(site: LocalServer) -> None:
    """
    The answer to a write of desired values is understood as such.
    """
    before = (await site.api("GET", "/devices/12/shadow")).json()["services"]
    await answer(site, 12, uuid="u12")
    after = (await site.api("GET", "/devices/12/shadow")).json()["services"]

    assert ("pending", {}) == (
        before["general"]["status"],
        before["general"]["reported"],
    )
    reported = {"language": "pt_BR", "beep_sound_enabled": "1"}
    assert ("delivered", reported) == (
        after["general"]["status"],
        after["general"]["reported"],
    )


async def test_tokens(site: LocalServer) -> None:
    """
    Tokens are valid, with their permissions and within their scopes.
    """
    reads = await site.api("GET", "/results", token=READING_TOKEN)
    writes = await site.api("PUT", "/devices/1", {}, token=READING_TOKEN)
    theirs = await site.api("GET", "/devices", token=TOKEN_OF_SECOND)

    assert (200, 403) == (reads.status, writes.status)
    assert ["30"] == [each["deviceId"] for each in theirs.json()["items"]]


async def test_key(site: LocalServer) -> None:
    """
    A device is served under its key, and only there.
    """
    await site.enqueue(LOAD_USERS, 5)
    without = await site.poll("deviceId=5")
    keyed = await site.poll("deviceId=5", path=f"/d/{KEY}/push")

    assert (True, False) == (without.is_empty, keyed.is_empty)


async def test_idempotency_key(site: LocalServer) -> None:
    """
    A request that was answered is answered the same again, and not done twice.
    """
    headers, before = {"Idempotency-Key": "once"}, await command_of(site, 1)
    body, path = {**LOAD_USERS, "metadata": "pending"}, "/devices/1/commands"
    again = await site.api("POST", path, body, headers=headers)
    other = await site.api("POST", path, dict(LOAD_USERS), headers=headers)

    assert (201, before["id"]) == (again.status, again.json()["id"])
    assert 422 == other.status
    assert before["id"] == (await command_of(site, 1))["id"]


async def test_quarantined(site: LocalServer) -> None:
    """
    A quarantined device is there with its requests, and can be adopted.
    """
    device = await site.get_device(99)
    adopted = await site.api("POST", "/devices/99/adopt", {})

    assert "quarantined" == device["state"]
    assert 200 == adopted.status
    assert 2 == len(device["unknownCalls"])
    assert 2 == len((await site.get_device(6))["unknownCalls"])


async def test_streams(site: LocalServer) -> None:
    """
    The interest of streams lasts, and since when it did.
    """
    interests = await site.services.store.stream_interests.all_interests()

    assert {"command.status": 0, "device.online": NOW} == {
        interest.type: interest.recorded_since for interest in interests
    }


async def test_lists(site: LocalServer) -> None:
    """
    Every list can be read, and shows what was there.
    """
    paths = (
        "/commands",
        "/results?orphan=true",
        "/operations",
        "/tasks",
        "/upgrades",
        "/subscriptions",
        "/devices",
        "/scopes",
        "/tokens",
    )

    assert [] == [path for path in paths if not await listed(site, path)]
    (operation,) = await listed(site, "/operations?deviceId=7")
    path = f"/operations/{operation['id']}/notifications"
    assert "begun" in [each.get("message") for each in await listed(site, path)]
