"""Fill a database with history: finished commands, and some that wait."""

import argparse
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.wire import FIRST_DEVICE
from pushserver.model.ids import ID_EPOCH_MS

#: Bits of an id below its milliseconds; no two commands here share one.
_SHIFT = 22
DAY = 86_400_000_000
#: Shorter than servers keep bodies, so that nothing is deleted while they are measured.
HISTORY_LENGTH = 6 * DAY
RESULT = (
    b'{"response":{"users":[{"id":1,"registration":"Test","name":"Walter White"}]}}'
)
#: What it says, and from where to where: without it the server reads each one anew, in
#: the background, as it does what an early release stored.
PARSED = f'{{"response":[{RESULT.index(b":") + 1},{len(RESULT) - 1}]}}'
#: Does a statement; `:name` stands for a value.
Execute = Callable[[str, Mapping[str, Any]], object]

# `at` is when a command was made; ids are as the server makes them from that.
_CREATE_HISTORY = """
CREATE TEMP TABLE past AS
WITH RECURSIVE n(n) AS (
    SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM n WHERE n < :count - 1),
made AS (SELECT n, :first_at + n * (:last_at - :first_at) / :count AS at FROM n)
SELECT n, (at / 1000 - :epoch_ms) << :shift AS id, at,
    :first_device + n % :devices AS device_id FROM made
"""
_INSERT_COMMANDS = """
INSERT INTO command (id, scope_id, device_id, verb, endpoint, body, content_type,
    priority, guarantee, max_attempts, response_timeout, slow, created_at, expires_at,
    state, attempts, transition_count, sent_at, delivered_at, finished_at, result_id)
SELECT id, 1, device_id, 'POST', 'load_objects', '{"object":"users"}',
    'application/json', 0, 'atLeastOnce', 5, 180000000, 1, at, at + 86400000000, :state,
    :done, 3 * :done, CASE :done WHEN 1 THEN at + 1000 END,
    CASE :done WHEN 1 THEN at + 1100 END, CASE :done WHEN 1 THEN at + 90000 END,
    CASE :done WHEN 1 THEN id + 2 END
FROM past
"""
# As scattered as the devices' own.
_INSERT_DELIVERIES = """
INSERT INTO delivery (id, command_id, device_id, uuid, address, sent_at, delivered_at,
    ended_at, outcome)
SELECT id + 1, id, device_id, CAST(n * 7919 % 1000003 AS TEXT), '127.0.0.1',
    at + 1000, at + 1100, at + 90000, 'successful'
FROM past
"""
_INSERT_RESULTS = """
INSERT INTO result (id, scope_id, device_id, command_id, delivery_id, matched_by, uuid,
    endpoint, received_at, content_type, complete, body, parsed)
SELECT past.id + 2, 1, past.device_id, past.id, past.id + 1, 'uuid', delivery.uuid,
    'load_objects', at + 90000, 'application/json', 1, :body, :parsed
FROM past JOIN delivery ON delivery.id = past.id + 1
"""
_HISTORY_TABLES = ("command", "delivery", "result")
_INSERT_DEVICES = """
WITH RECURSIVE n(n) AS (
    SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM n WHERE n < :count - 1)
INSERT INTO device (device_id, scope_id, state, created_at)
SELECT :first_device + n, 1, 'adopted', :at FROM n WHERE TRUE ON CONFLICT DO NOTHING
"""
_INSERT_SEEN = """
INSERT INTO device_seen (device_id, last_seen_at, address, poll_period)
SELECT device_id, :at, '127.0.0.1', 5000000 FROM device WHERE TRUE
ON CONFLICT DO NOTHING
"""


def fill(database: Path, *, devices: int, finished: int, pending: int) -> None:
    """Add that many of each to a file."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        # A half filled file is thrown away, so nothing has to survive a crash.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -262144")
        db.execute("BEGIN")
        _fill(db.execute, devices, finished, pending)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill(execute: Execute, devices: int, finished: int, pending: int) -> None:
    now = time.time_ns() // 1000
    _fill_devices(execute, devices, now)
    if finished:
        _create_history(execute, finished, devices, (now - HISTORY_LENGTH, now - DAY))
        _fill_finished(execute)
    if pending:
        _create_history(execute, pending, devices, (now - DAY // 24, now))
        execute(_INSERT_COMMANDS, {"state": "PENDING", "done": 0})
        execute("DROP TABLE past", {})


def _fill_devices(execute: Execute, count: int, now: int) -> None:
    execute(
        _INSERT_DEVICES,
        {"count": count, "first_device": FIRST_DEVICE, "at": now - HISTORY_LENGTH},
    )
    execute(_INSERT_SEEN, {"at": now})


def _create_history(
    execute: Execute, count: int, devices: int, span: tuple[int, int]
) -> None:
    first_at, last_at = span
    values = {
        "count": count,
        "devices": devices,
        "first_device": FIRST_DEVICE,
        "first_at": first_at,
        "last_at": last_at,
        "epoch_ms": ID_EPOCH_MS,
        "shift": _SHIFT,
    }
    execute(_CREATE_HISTORY, values)


def _fill_finished(execute: Execute) -> None:
    execute(_INSERT_COMMANDS, {"state": "SUCCESSFUL", "done": 1})
    execute(_INSERT_DELIVERIES, {})
    execute(_INSERT_RESULTS, {"body": RESULT, "parsed": PARSED})
    execute("DROP TABLE past", {})


def main() -> None:
    """Fill the database that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--pending", type=int, default=0)
    options = parser.parse_args()
    fill(**vars(options))


if __name__ == "__main__":
    main()
