"""An installation as people have one: doors, work that goes on, and failures."""

import json
import random
import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from pushserver.metrics.histogram import DURATION_BOUNDS
from pushserver.metrics.latency import LatencyKind
from tests.console.calls import api, poll, post_result
from tests.program import Program

GATE, DOCK, ROOF, STRANGER = 478_435, 478_440, 478_442, 479_101
#: A door with which nothing goes on.
OTHER = 478_436
_FIRST_ADDRESS = "192.168.10."
_NAMES = {
    GATE: ("North gate", "north", "outside"),
    OTHER: ("South gate", "south", "outside"),
    478_437: ("Lobby turnstile 1", "north", "lobby"),
    478_438: ("Lobby turnstile 2", "north", "lobby"),
    478_439: ("Server room", "north", "critical"),
    DOCK: ("Loading dock", "south", "outside"),
    478_441: ("Car park barrier", "south", "outside"),
    ROOF: ("Roof terrace", "north", "outside"),
}
_USERS = [
    {"id": 1, "registration": "0001", "name": "Ada Moreira", "begin_time": 0},
    {"id": 2, "registration": "0002", "name": "João Prates", "begin_time": 0},
    {"id": 3, "registration": "0003", "name": "Wei Tan", "begin_time": 1_735_689_600},
]
_SECOND = 1_000_000
#: Moves a command that has ended, its delivery and its result back in time.
_EARLIER = (
    "UPDATE command SET created_at = created_at - :ago, sent_at = sent_at - :ago,"
    " delivered_at = delivered_at - :ago, finished_at = finished_at - :ago"
    " WHERE id = :id",
    "UPDATE delivery SET sent_at = sent_at - :ago, ended_at = ended_at - :ago"
    " WHERE command_id = :id",
    "UPDATE result SET received_at = received_at - :ago"
    " WHERE id = (SELECT result_id FROM command WHERE id = :id)",
)


def furnish(program: Program) -> dict[str, str]:
    """Fill a program that runs, and return the ids of one of everything."""
    _add_devices(program)
    ids = {"device_id": str(GATE), "stranger_id": str(STRANGER)}
    ids |= _run_commands(program)
    ids |= _make_rollouts(program)
    _make_access(program)
    return ids


def _add_devices(program: Program) -> None:
    for device_id, (name, site, zone) in _NAMES.items():
        body = {"name": name, "tags": {"site": site, "zone": zone}}
        api(program, "PUT", f"/devices/{device_id}", body)
    for device_id in (*_NAMES, STRANGER, STRANGER + 1):
        if device_id != ROOF:
            _poll(program, device_id)
            _poll(program, device_id)


def _poll(program: Program, device_id: int) -> bytes:
    return poll(program, device_id, f"{_FIRST_ADDRESS}{device_id % 100}")


def _enqueue(program: Program, device_id: int, endpoint: str, **fields: Any) -> str:
    path = f"/devices/{device_id}/commands"
    made = api(program, "POST", path, {"endpoint": endpoint, **fields})
    return str(made["id"])


def _answer(program: Program, device_id: int, answer: Any) -> None:
    """Fetch a device's next command, and answer it."""
    _poll(program, device_id)
    post_result(program, device_id, json.dumps(answer).encode())


def _run_commands(program: Program) -> dict[str, str]:
    """Have commands in every state, most of them of the gate."""
    door = {"actions": [{"action": "door", "parameters": "door=1"}]}
    users = _enqueue(program, GATE, "load_objects", body={"object": "users"})
    _answer(program, GATE, {"response": {"users": _USERS}})
    for device_id in (GATE, 478_437, 478_438):
        why = {"reason": "Courier at the door"}
        _enqueue(program, device_id, "execute_actions", body=door, metadata=why)
        done = {"actions": [{"action": "door", "status": "allowed"}]}
        _answer(program, device_id, {"response": done})
    _enqueue(program, 478_439, "set_configuration", body={"general": {"beep": "1"}})
    _answer(program, 478_439, {"error": "Invalid parameter: beep"})
    lost = _enqueue(program, DOCK, "execute_actions", body=door, responseTimeout=1)
    _poll(program, DOCK)
    canceled = _enqueue(program, OTHER, "reboot")
    api(program, "DELETE", f"/commands/{canceled}")
    post_result(program, 478_437, b'{"response": {"users": []}}')
    results = api(program, "GET", "/results")["items"]
    _enqueue(program, ROOF, "message_to_screen", body={"message": "Closed at six"})
    _enqueue(program, GATE, "system_information")
    _poll(program, GATE)
    waiting = _enqueue(program, GATE, "load_objects", body={"object": "groups"})
    api(program, "GET", f"/commands/{lost}", waits=True)
    return {
        "command_id": users,
        "waiting_id": waiting,
        "posted_id": str(results[0]["id"]),
    }


def _make_rollouts(program: Program) -> dict[str, str]:
    """Make an operation, tasks, an upgrade and a subscription, and do some of it."""
    step = {"endpoint": "system_information"}
    asked = {"deviceId": str(GATE), "resource": "clock", "steps": [step]}
    operation = api(program, "POST", "/operations", asked)
    path = f"/operations/{operation['id']}/notifications"
    api(program, "POST", path, {"progress": 40, "message": "The clock was read"})
    north, south = ({"tags": {"site": site}} for site in ("north", "south"))
    task = {"name": "Look at the north", "targets": north, "steps": [step]}
    restart = {"name": "Restart the south", "targets": south, "concurrency": 1}
    restart |= {"steps": [{"endpoint": "reboot"}]}
    made = api(program, "POST", "/tasks", task)
    paused = api(program, "POST", "/tasks", restart)
    api(program, "POST", f"/tasks/{paused['id']}/pause")
    upgrade = api(program, "POST", "/upgrades", _upgrade())
    receiver = {
        "url": "http://127.0.0.1:9/doors",
        "events": ["command.status", "device.offline"],
        "description": "Doors of the front desk",
    }
    subscription = api(program, "POST", "/subscriptions", receiver)
    return {
        "operation_id": str(operation["id"]),
        "task_id": str(made["id"]),
        "upgrade_id": str(upgrade["id"]),
        "subscription_id": str(subscription["id"]),
    }


def _upgrade() -> dict[str, Any]:
    return {
        "name": "Firmware 6.24.3",
        "targets": {"deviceIds": ["478437", "478438", "478439", str(ROOF)]},
        "targetVersion": "6.24.3",
        "phases": {
            "download": [{"endpoint": "firmware_load", "body": {"version": "6.24.3"}}],
            "apply": [{"endpoint": "firmware_install"}],
            "verify": {
                "command": {"endpoint": "system_information"},
                "versionPointer": "/version",
            },
        },
    }


def _make_access(program: Program) -> None:
    reads = ["devices:read", "commands:read"]
    guards = {"name": "Front desk", "permissions": reads, "tags": {"zone": "lobby"}}
    api(program, "POST", "/tokens", guards)
    sync = {"name": "Staff directory", "permissions": [*reads, "commands:write"]}
    api(program, "POST", "/tokens", sync)
    api(program, "POST", "/scopes", {"name": "Annex building"})


def poll_again(program: Program) -> None:
    """Let the devices that are there poll once more."""
    for device_id in (*_NAMES, STRANGER, STRANGER + 1):
        if device_id not in (ROOF, DOCK):
            _poll(program, device_id)


def age(program: Program) -> None:
    """
    Give a program that is stopped a past: a door that went away, what another did some
    hours ago, and an hour of speed.
    """
    with closing(sqlite3.connect(program.file)) as database, database:
        (now,) = database.execute(
            "SELECT max(last_seen_at) FROM device_seen"
        ).fetchone()
        database.execute(
            "UPDATE device_seen SET last_seen_at = ? WHERE device_id = ?",
            (now - 3 * 3600 * _SECOND, DOCK),
        )
        done = "SELECT id FROM command WHERE device_id = ? AND finished_at > 0"
        for hours, (command_id,) in enumerate(database.execute(done, (GATE,)), 5):
            values = {"ago": hours * 3600 * _SECOND, "id": command_id}
            for sql in _EARLIER:
                database.execute(sql, values)
        database.execute("UPDATE device_seen SET poll_period = ?", (5 * _SECOND,))
        database.execute("DELETE FROM latency")
        database.executemany("INSERT INTO latency VALUES (?, ?, ?, ?)", _speed(now))


def _speed(now: int) -> Iterator[tuple[int, int, str, str]]:
    """Yield a record of each kind for every minute of the last hour."""
    source = random.Random(1)  # noqa: S311 - it must repeat
    usual = {
        LatencyKind.ENQUEUE_TO_DEVICE: 1.2,
        LatencyKind.DEVICE_TO_RESULT: 0.18,
        LatencyKind.COMMIT: 0.002,
        LatencyKind.LOOP_LAG: 0.0004,
    }
    for minute in range(1, 59):
        for kind, middle in usual.items():
            buckets = Counter[int]()
            for _ in range(source.randint(4, 30)):
                seconds = source.lognormvariate(0, 0.7) * middle
                buckets[bisect_left(DURATION_BOUNDS, seconds)] += 1
            yield now - minute * 60 * _SECOND, 1, kind, json.dumps(buckets)
