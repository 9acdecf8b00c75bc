"""Killed again and again while a receiver fails: nothing is lost, and ids stay."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.database_rows import open_reader
from tests.e2e.conftest import MakeDevice
from tests.e2e.test_kill_in_traffic import Acknowledged, traffic
from tests.program import Program

SETTINGS = {
    "webhook_allow_http": "true",
    "webhook_allow_networks": "127.0.0.0/8",
    "response_timeout": 2,
    "grace": 0.2,
}
#: A transition: a command's id, and its number among those of the command.
Transition = tuple[int, int]


@attrs.define(eq=False)
class FlakyReceiver:
    """Answers a part of what comes with 500; notes every id's bodies and successes."""

    rng: Random
    failing: float
    secret: str = ""
    url: str = ""
    bodies: dict[str, set[bytes]] = attrs.Factory(dict)
    accepted: dict[str, Transition] = attrs.Factory(dict)
    in_order: dict[str, list[int]] = attrs.Factory(dict)
    requests: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Verify what comes as receivers do, and answer."""
        body, name = await request.read(), request.headers["webhook-id"]
        Webhook(self.secret).verify(body, dict(request.headers))
        self.requests += 1
        self.bodies.setdefault(name, set()).add(body)
        if self.rng.random() < self.failing:
            return web.Response(status=500)
        data = json.loads(body)["data"]
        if name not in self.accepted:
            event = int(name.split("_")[1])
            self.in_order.setdefault(data["deviceId"], []).append(event)
        self.accepted[name] = (int(data["commandId"]), data["sequence"])
        return web.Response(status=204)


@asynccontextmanager
async def receiving(rng: Random) -> AsyncIterator[FlakyReceiver]:
    """Have a receiver that fails in three of ten cases for the length of the block."""
    receiver = FlakyReceiver(rng, failing=0.3)
    runner = web.ServerRunner(web.Server(receiver.handle, access_log=None))
    await runner.setup()
    tcp_site = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp_site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@attrs.frozen
class Administrator:
    """Subscribes receivers, and resends what would be retried only in some hours."""

    program: Program
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API."""
        url = f"{self.program.url}/api/v1/subscriptions{path}"
        head = {"Authorization": f"Bearer {self.program.token}"}
        async with self.session.request(method, url, json=body, headers=head) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    async def subscribe(self, receiver: FlakyReceiver, *, ordered: bool) -> str:
        """Subscribe to every transition of every command; return under which id."""
        body = {"url": receiver.url, "events": ["command.status"], "ordered": ordered}
        created = await self.call("POST", "", body)
        receiver.secret = created["secret"]
        which: str = created["id"]
        return which

    async def finish(self, which: str) -> dict[str, int]:
        """Wait until every event is delivered; resend those that wait for long."""
        while True:
            backlog: dict[str, int] = (await self.call("GET", f"/{which}"))["backlog"]
            if not (backlog["unread"] or backlog["pending"] or backlog["dead"]):
                return backlog
            if not backlog["unread"]:
                await self._hurry(which, "pending")
                await self._hurry(which, "dead")

    async def _hurry(self, which: str, state: str) -> None:
        """Send again what failed; leave what waits behind it."""
        page = f"/{which}/deliveries?state={state}&limit=1000"
        cursor: str | None = ""
        while cursor is not None:
            deliveries = await self.call("GET", page + cursor)
            for each in deliveries["items"]:
                if each["attempts"]:
                    path = f"/{which}/deliveries/{each['id']}/redeliver"
                    await self.call("POST", path)
            cursor = (
                deliveries.get("nextCursor") and f"&cursor={deliveries['nextCursor']}"
            )


def transitions(program: Program) -> set[Transition]:
    """Return every transition that the database has, by the commands' own counts."""
    with open_reader(program.database) as read:
        rows = read("SELECT id, transition_count FROM command")
    return {(row, turn) for row, turns in rows for turn in range(1, turns + 1)}


@asynccontextmanager
async def administering(program: Program) -> AsyncIterator[Administrator]:
    """Administer the program, over its restarts, for the length of the block."""
    async with aiohttp.ClientSession() as session:
        yield Administrator(program, session)


@pytest.mark.proof_on("postgres")
@pytest.mark.parametrize(
    ("seed", "events", "kills", "ordered"),
    [
        (1, 500, 3, False),
        pytest.param(2, 10_000, 50, False, marks=pytest.mark.proof),
        pytest.param(3, 1_000, 10, True, marks=pytest.mark.proof),
    ],
)
async def test_nothing_lost(
    program: Program,
    device_of: MakeDevice,
    seed: int,
    events: int,
    kills: int,
    *,
    ordered: bool,
) -> None:
    """
    Every transition of every command is delivered, whatever was killed and whoever
    failed; an event that comes twice has the same id and the same body, and none comes
    under two ids. Ordered, each device's events come in order.
    """
    rng, promises, killed = Random(seed), Acknowledged(), 0  # noqa: S311 - it must repeat
    async with receiving(rng) as receiver, administering(program) as admin:
        program.start(**SETTINGS)
        which = await admin.subscribe(receiver, ordered=ordered)
        while killed < kills or len(transitions(program)) < events:
            await traffic(program, promises, device_of, rng)
            killed += 1
            program.start(**SETTINGS)
        async with asyncio.timeout(600):
            backlog = await admin.finish(which)
        program.stop()

    expected = transitions(program)
    assert expected == set(receiver.accepted.values())
    assert len(expected) == len(receiver.accepted)
    assert {1} == {len(bodies) for bodies in receiver.bodies.values()}
    assert receiver.bodies.keys() == receiver.accepted.keys()
    assert 0 == backlog["dropped"]
    assert len(expected) >= events
    assert receiver.requests > 1.3 * len(expected)
    if ordered:
        assert all(ids == sorted(ids) for ids in receiver.in_order.values())
