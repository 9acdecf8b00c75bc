"""The obvious server over PostgreSQL: aiohttp and asyncpg, a transaction a request.

It does the same work for the three requests of a cycle and promises as much: every
answer leaves after its commit. Neither slowed down nor tuned: a pool of connections, a
transaction for each request, `FOR UPDATE SKIP LOCKED` to hand out, an index for each
lookup. It lacks deadlines, retries, logs, limits and everything else.
"""

import hmac
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from aiohttp import web

from bench.serving import argument_parser, serve
from bench.wire import TOKEN

POOL = web.AppKey("pool", asyncpg.Pool)
CONNECTIONS = 10

SCHEMA = """
CREATE TABLE command (
    id BIGSERIAL PRIMARY KEY, device_id BIGINT NOT NULL, verb TEXT NOT NULL,
    endpoint TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    created_at BIGINT NOT NULL, finished_at BIGINT
);
CREATE INDEX command_next ON command (device_id, state);
CREATE TABLE delivery (
    id BIGSERIAL PRIMARY KEY, command_id BIGINT NOT NULL REFERENCES command,
    device_id BIGINT NOT NULL, uuid TEXT, sent_at BIGINT NOT NULL
);
CREATE INDEX delivery_uuid ON delivery (device_id, uuid);
CREATE TABLE result (
    id BIGSERIAL PRIMARY KEY, delivery_id BIGINT REFERENCES delivery,
    device_id BIGINT NOT NULL, body BYTEA NOT NULL, received_at BIGINT NOT NULL
);
"""
INSERT_COMMAND = (
    "INSERT INTO command (device_id, verb, endpoint, body, state, created_at)"
    " VALUES ($1, $2, $3, $4, 'PENDING', $5) RETURNING id"
)
TAKE_COMMAND = (
    "UPDATE command SET state = 'SENT' WHERE id = (SELECT id FROM command"
    " WHERE device_id = $1 AND state = 'PENDING' ORDER BY id LIMIT 1"
    " FOR UPDATE SKIP LOCKED) RETURNING id, verb, endpoint, body"
)
INSERT_DELIVERY = (
    "INSERT INTO delivery (command_id, device_id, uuid, sent_at)"
    " VALUES ($1, $2, $3, $4)"
)
FIND_DELIVERY = (
    "SELECT id, command_id FROM delivery"
    " WHERE device_id = $1 AND uuid = $2 ORDER BY id DESC LIMIT 1"
)
INSERT_RESULT = (
    "INSERT INTO result (delivery_id, device_id, body, received_at)"
    " VALUES ($1, $2, $3, $4)"
)
FINISH_COMMAND = (
    "UPDATE command SET state = $1, finished_at = $2 WHERE id = $3 AND state = 'SENT'"
)


def now() -> int:
    """Return the present instant in microseconds."""
    return time.time_ns() // 1000


async def enqueue(request: web.Request) -> web.Response:
    """Keep a command for its device."""
    authorization = request.headers.get("Authorization", "")
    if not hmac.compare_digest(authorization, f"Bearer {TOKEN}"):
        raise web.HTTPUnauthorized
    command = await request.json()
    row: dict[str, Any] = {
        "device_id": int(request.match_info["device_id"]),
        "verb": command.get("verb", "POST"),
        "endpoint": command["endpoint"],
        "body": json.dumps(command.get("body", {})),
        "created_at": now(),
    }
    async with request.app[POOL].acquire() as db, db.transaction():
        row["id"] = await db.fetchval(INSERT_COMMAND, *row.values())
    return web.json_response({**row, "state": "PENDING"}, status=201)


async def poll(request: web.Request) -> web.Response:
    """Hand the device its oldest command, or nothing."""
    device_id = int(request.query["deviceId"])
    async with request.app[POOL].acquire() as db, db.transaction():
        row = await db.fetchrow(TAKE_COMMAND, device_id)
        if row is not None:
            uuid = request.query.get("uuid")
            await db.execute(INSERT_DELIVERY, row["id"], device_id, uuid, now())
    if row is None:
        return web.Response()
    body = json.loads(row["body"])
    answer = {"verb": row["verb"], "endpoint": row["endpoint"], "body": body}
    return web.json_response(answer)


async def result(request: web.Request) -> web.Response:
    """Keep what the device posted, and finish the command it belongs to."""
    device_id = int(request.query["deviceId"])
    body = await request.read()
    state = "FAILED" if json.loads(body).get("error") else "SUCCESSFUL"
    async with request.app[POOL].acquire() as db, db.transaction():
        found = await db.fetchrow(FIND_DELIVERY, device_id, request.query.get("uuid"))
        delivery_id, command_id = found if found is not None else (None, None)
        await db.execute(INSERT_RESULT, delivery_id, device_id, body, now())
        await db.execute(FINISH_COMMAND, state, now(), command_id)
    return web.Response()


async def _database(app: web.Application, *, url: str) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        url, min_size=CONNECTIONS, max_size=CONNECTIONS
    ) as pool:
        await pool.execute(SCHEMA)
        app[POOL] = pool
        yield


ROUTES = (
    web.post("/api/v1/devices/{device_id}/commands", enqueue),
    web.get("/push", poll),
    web.post("/result", result),
)


def build(url: str) -> web.Application:
    """Make the application over an empty database."""
    app = web.Application()
    app.add_routes(ROUTES)
    app.cleanup_ctx.append(partial(_database, url=url))
    return app


if __name__ == "__main__":
    parser = argument_parser()
    parser.add_argument("--database", required=True)
    arguments = parser.parse_args()
    serve(partial(build, arguments.database), arguments.port)
