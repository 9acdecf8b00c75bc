"""The obvious server: what one would write in an afternoon with aiohttp and aiosqlite.

It does the same work for the three requests of a cycle and promises as much: every
answer leaves after its commit, with `synchronous=FULL`. Neither slowed down nor tuned:
one connection, one transaction for each request, a lock round it, an index for each
lookup. It lacks deadlines, retries, logs, limits and everything else.
"""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from aiohttp import web

from bench.serving import argument_parser, serve
from bench.wire import TOKEN

DATABASE = web.AppKey("database", aiosqlite.Connection)
LOCK = web.AppKey("lock", asyncio.Lock)

SCHEMA = """
CREATE TABLE command (
    id INTEGER PRIMARY KEY, device_id INTEGER NOT NULL, verb TEXT NOT NULL,
    endpoint TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    created_at INTEGER NOT NULL, finished_at INTEGER
);
CREATE INDEX command_next ON command (device_id, state);
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL REFERENCES command,
    device_id INTEGER NOT NULL, uuid TEXT, sent_at INTEGER NOT NULL
);
CREATE INDEX delivery_uuid ON delivery (device_id, uuid);
CREATE TABLE result (
    id INTEGER PRIMARY KEY, delivery_id INTEGER REFERENCES delivery,
    device_id INTEGER NOT NULL, body BLOB NOT NULL, received_at INTEGER NOT NULL
);
"""


def now() -> int:
    """Return the present instant in microseconds."""
    return time.time_ns() // 1000


async def enqueue(request: web.Request) -> web.Response:
    """Keep a command for its device."""
    authorization = request.headers.get("Authorization", "")
    if not hmac.compare_digest(authorization, f"Bearer {TOKEN}"):
        raise web.HTTPUnauthorized
    device_id = int(request.match_info["device_id"])
    command = await request.json()
    row: dict[str, Any] = {
        "device_id": device_id,
        "verb": command.get("verb", "POST"),
        "endpoint": command["endpoint"],
        "body": json.dumps(command.get("body", {})),
        "state": "PENDING",
        "created_at": now(),
    }
    async with request.app[LOCK]:
        row["id"] = await _insert_command(request.app[DATABASE], row)
    return web.json_response(row, status=201)


async def _insert_command(db: aiosqlite.Connection, row: dict[str, Any]) -> int | None:
    try:
        cursor = await db.execute(
            "INSERT INTO command (device_id, verb, endpoint, body, state, created_at)"
            " VALUES (:device_id, :verb, :endpoint, :body, :state, :created_at)",
            row,
        )
        await db.commit()
    except BaseException:
        await db.rollback()
        raise
    return cursor.lastrowid


async def poll(request: web.Request) -> web.Response:
    """Hand the device its oldest command, or nothing."""
    device_id = int(request.query["deviceId"])
    async with request.app[LOCK]:
        row = await _hand_out(
            request.app[DATABASE], device_id, request.query.get("uuid")
        )
    if row is None:
        return web.Response()
    _, verb, endpoint, body = row
    return web.json_response(
        {"verb": verb, "endpoint": endpoint, "body": json.loads(body)}
    )


async def _hand_out(
    db: aiosqlite.Connection, device_id: int, uuid: str | None
) -> aiosqlite.Row | None:
    rows = await db.execute_fetchall(
        "SELECT id, verb, endpoint, body FROM command"
        " WHERE device_id = ? AND state = 'PENDING' ORDER BY id LIMIT 1",
        (device_id,),
    )
    row = next(iter(rows), None)
    if row is None:
        return None
    try:
        await db.execute("UPDATE command SET state = 'SENT' WHERE id = ?", (row[0],))
        await db.execute(
            "INSERT INTO delivery (command_id, device_id, uuid, sent_at)"
            " VALUES (?, ?, ?, ?)",
            (row[0], device_id, uuid, now()),
        )
        await db.commit()
    except BaseException:
        await db.rollback()
        raise
    return row


async def result(request: web.Request) -> web.Response:
    """Keep what the device posted, and finish the command it belongs to."""
    device_id = int(request.query["deviceId"])
    body = await request.read()
    state = "FAILED" if json.loads(body).get("error") else "SUCCESSFUL"
    async with request.app[LOCK]:
        await _finish(
            request.app[DATABASE],
            (device_id, request.query.get("uuid")),
            body=body,
            state=state,
        )
    return web.Response()


async def _finish(
    db: aiosqlite.Connection,
    delivery: tuple[int, str | None],
    *,
    body: bytes,
    state: str,
) -> None:
    rows = await db.execute_fetchall(
        "SELECT id, command_id FROM delivery"
        " WHERE device_id = ? AND uuid = ? ORDER BY id DESC LIMIT 1",
        delivery,
    )
    delivery_id, command_id = next(iter(rows), (None, None))
    try:
        await db.execute(
            "INSERT INTO result (delivery_id, device_id, body, received_at)"
            " VALUES (?, ?, ?, ?)",
            (delivery_id, delivery[0], body, now()),
        )
        await db.execute(
            "UPDATE command SET state = ?, finished_at = ?"
            " WHERE id = ? AND state = 'SENT'",
            (state, now(), command_id),
        )
        await db.commit()
    except BaseException:
        await db.rollback()
        raise


async def _database(app: web.Application, *, path: Path) -> AsyncIterator[None]:
    async with aiosqlite.connect(path) as db:
        await db.execute("PRAGMA journal_mode=WAL")
        await db.execute("PRAGMA synchronous=FULL")
        await db.executescript(SCHEMA)
        app[DATABASE] = db
        app[LOCK] = asyncio.Lock()
        yield


ROUTES = (
    web.post("/api/v1/devices/{device_id}/commands", enqueue),
    web.get("/push", poll),
    web.post("/result", result),
)


def build(path: Path) -> web.Application:
    """Make the application over a new database at *path*."""
    app = web.Application()
    app.add_routes(ROUTES)
    app.cleanup_ctx.append(partial(_database, path=path))
    return app


if __name__ == "__main__":
    parser = argument_parser()
    parser.add_argument("--database", type=Path, required=True)
    arguments = parser.parse_args()
    serve(partial(build, arguments.database), arguments.port)
