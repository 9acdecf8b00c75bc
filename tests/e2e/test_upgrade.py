"""A fleet is upgraded while the server is killed, and a receiver gets each event."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from aiohttp import web

from pushserver.client import Client, ClientError, Json, iter_items
from pushserver.simulate import FleetPlan, Journal, Quirks, SimulatedFleet
from tests.program import Program

if TYPE_CHECKING:
    from pushserver.client.types import PhasesInput

AGAIN: dict[str, Any] = {
    "delivery": "atLeastOnce",
    "responseTimeout": 5,
    "maxAttempts": 50,
}
PHASES: Json = {
    "download": [{"endpoint": "firmware_load", "body": {"version": "2.0"}, **AGAIN}],
    # Never handed out twice: what a kill swallows is for the last step to find out.
    "apply": [{"endpoint": "firmware_install", "responseTimeout": 3}],
    "verify": {
        "command": {"endpoint": "system_information", **AGAIN},
        "versionPointer": "/version",
    },
}
SETTINGS = {
    "grace": 0.5,
    "webhook_allow_http": "true",
    "webhook_allow_networks": "127.0.0.0/8",
}
APP = "the-app"
KINDS = (b"swUpgradeStateChangeNotify", b"swUpgradeResultNotify")
PATH = ["downloading", "downloaded", "updating", "idle"]
#: Of a hundred devices so many never come, find no space, restart while installing.
OFFLINE, FULL, RESTARTING = 10, 5, 5
FIRST = 7_000_000
#: The server is killed when so many of the devices have ended.
KILLS = (0.15, 0.5)


@attrs.define(eq=False)
class UpgradeReceiver:
    """
    A receiver written for Huawei's platform: it looks for the type in the raw text.

    What comes twice has the id that it had the first time, and counts once.
    """

    url: str = ""
    bodies: dict[str, bytes] = attrs.Factory(dict)
    notifications: dict[int, list[Json]] = attrs.Factory(dict)
    arrived: asyncio.Event = attrs.Factory(asyncio.Event)

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one notification."""
        body, name = await request.read(), request.headers["webhook-id"]
        assert self.bodies.setdefault(name, body) == body
        if not any(b'"notifyType":"%s"' % kind in body for kind in KINDS):
            return web.Response(status=400)
        self._record(name, json.loads(body))
        self.arrived.set()
        return web.Response(status=200)

    async def wait_until_ended(self, devices: float) -> None:
        """Wait for the events that so many devices have ended."""
        async with asyncio.timeout(60):
            while self.count_ended() < devices:
                self.arrived.clear()
                await self.arrived.wait()

    def _record(self, name: str, notification: Json) -> None:
        seen = self.notifications.setdefault(int(notification["deviceId"]), [])
        if name not in {each["id"] for each in seen}:
            seen.append({"id": name, **notification})

    def count_ended(self) -> int:
        """Return for how many devices an end was received."""
        return sum(
            "swUpgradeResult" in each[-1] for each in self.notifications.values()
        )

    def summaries(self, device_id: int) -> list[str]:
        """Return the events of a device: states, and how it ended."""
        return [
            _event_words(summary) for summary in self.notifications.get(device_id, [])
        ]


def _event_words(summary: Json) -> str:
    if summary["notifyType"] == "swUpgradeStateChangeNotify":
        return str(summary["swUpgradeState"])
    return f"{summary['swUpgradeResult']} {summary['errorCode']}".strip()


@asynccontextmanager
async def receiving() -> AsyncIterator[UpgradeReceiver]:
    """Receive for the length of the block."""
    receiver = UpgradeReceiver()
    runner = web.ServerRunner(web.Server(receiver.take, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/v1.0.0/messageReceiver"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@attrs.frozen
class FleetShares:
    """Which devices are how."""

    offline: range
    full: range
    restarting: range
    sound: range

    @classmethod
    def of(cls, devices: int) -> "FleetShares":
        """Share so many devices out."""
        shares = (OFFLINE, FULL, RESTARTING)
        ends = [FIRST]
        for share in shares:
            ends.append(ends[-1] + devices * share // 100)
        ends.append(FIRST + devices)
        return cls(*(range(a, b) for a, b in pairwise(ends)))

    @property
    def coming(self) -> tuple[tuple[range, Quirks], ...]:
        """Those that poll, with their habits."""
        return (
            (self.full, Quirks(failed_loads=1.0)),
            (self.restarting, Quirks(lost_installs=1.0)),
            (self.sound, Quirks()),
        )


@attrs.frozen
class UpgradeRun:
    """The upgrade's outcome, its events, and what the devices have."""

    kinds: FleetShares
    upgrade: Json
    device_upgrades: dict[int, Json]
    receiver: UpgradeReceiver
    versions: dict[int, str]


async def run_upgrade(program: Program, devices: int) -> UpgradeRun:
    """Upgrade a fleet, and kill the server twice in the middle of it."""
    kinds, stop = FleetShares.of(devices), asyncio.Event()
    async with (
        receiving() as receiver,
        Client(program.url, program.token) as api,
        fleets(program, kinds) as polling,
    ):
        await adopt(api, devices)
        await subscribe(api, receiver)
        running = [asyncio.create_task(fleet.run(stop)) for fleet in polling]
        created = await make(api, devices)
        for share in KILLS:
            await receiver.wait_until_ended(share * devices)
            await program.kill_and_restart(**SETTINGS)
        upgrade = await ended(api, created["id"])
        await wait_until_delivered(api)
        stop.set()
        await asyncio.gather(*running)
        listed = iter_items(partial(api.upgrades.devices, created["id"]))
        device_upgrades = {int(each["deviceId"]): each async for each in listed}
    each_device = (device for fleet in polling for device in fleet.devices)
    versions = {each.device_id: each.firmware.version for each in each_device}
    return UpgradeRun(kinds, upgrade, device_upgrades, receiver, versions)


@asynccontextmanager
async def fleets(
    program: Program, kinds: FleetShares
) -> AsyncIterator[list[SimulatedFleet]]:
    """Have fleets, one for each kind of device that polls."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                SimulatedFleet.opened(
                    FleetPlan(
                        server=program.url,
                        devices=len(ids),
                        first_id=ids.start,
                        period=0.5,
                        fixed_quirks=habits,
                    ),
                    Journal(keep_entries=False),
                )
            )
            for ids, habits in kinds.coming
            if ids
        ]


async def adopt(api: Client, devices: int) -> None:
    """Make devices known to the server."""
    ids = range(FIRST, FIRST + devices)
    await api.devices.import_file(
        b"\n".join(b'{"deviceId":"%d"}' % each for each in ids)
    )


async def subscribe(api: Client, receiver: UpgradeReceiver) -> None:
    """Subscribe the receiver to upgrades in Huawei's format."""
    await api.subscriptions.create(
        receiver.url,
        ["upgrade.state", "upgrade.result"],
        format="oceanconnect",
        appId=APP,
    )


async def make(api: Client, devices: int) -> Json:
    """Make the upgrade of all devices."""
    return await api.upgrades.create(
        {"all": True},
        "2.0",
        cast("PhasesInput", PHASES),
        policy={"concurrency": devices // 4, "applyTimeout": 20, "expiresIn": 10},
    )


async def ask_until(ask: Callable[[], Any], good: Callable[[Json], bool]) -> Json:
    """Ask again and again until the answer is good."""
    async with asyncio.timeout(90):
        while True:
            try:
                answer: Json = await ask()
            except ClientError:
                continue
            if good(answer):
                return answer
            await asyncio.sleep(0.1)


async def ended(api: Client, upgrade_id: str) -> Json:
    """Return the upgrade when it has ended."""
    return await ask_until(
        lambda: api.upgrades.get(upgrade_id), lambda shown: "endedAt" in shown
    )


async def wait_until_delivered(api: Client) -> None:
    """Wait until every event is delivered."""

    def done(page: Json) -> bool:
        (only,) = page["items"]
        return not only["backlog"]["unread"] + only["backlog"]["pending"]

    await ask_until(api.subscriptions.list, done)


def check(run: UpgradeRun) -> None:
    """Compare the events, one by one, with what the devices have."""
    expected = {each: expected_summaries(run, each) for each in run.device_upgrades}
    results = Counter(each[-1].split()[0] for each in expected.values())

    assert expected == {each: run.receiver.summaries(each) for each in expected}
    assert expected.keys() == run.receiver.notifications.keys()
    assert sum(map(len, expected.values())) == len(run.receiver.bodies)
    assert {"SUCCESS": results["SUCCESS"], "FAIL": results["FAIL"]} == (
        run.upgrade["results"]
    )
    assert results["SUCCESS"] >= 0.75 * len(run.device_upgrades)
    for device_id, device_upgrade in run.device_upgrades.items():
        check_device_upgrade(run, device_id, device_upgrade)


def expected_summaries(summary: UpgradeRun, device_id: int) -> list[str]:
    """Return the events that a device must have had, by what it is and has."""
    if device_id in summary.kinds.offline:
        return ["FAIL EXPIRED"]
    if device_id in summary.kinds.full:
        return ["downloading", "idle", "FAIL 28"]
    # A kill between the commit and the answer swallows an order that is not repeated.
    installed = summary.versions[device_id] == "2.0"
    return [*PATH, "SUCCESS" if installed else "FAIL TIMEOUT"]


def check_device_upgrade(run: UpgradeRun, device_id: int, device_upgrade: Json) -> None:
    """The API, and every field of the last notification, say the same of a device."""
    last = run.receiver.notifications[device_id][-1]

    assert ("idle", last["swUpgradeResult"]) == (
        device_upgrade["state"],
        device_upgrade["result"],
    )
    assert device_upgrade.get("errorCode", "") == last["errorCode"]
    assert device_upgrade.get("error", "") == last["description"]
    assert device_upgrade.get("sourceVersion", "") == last["sourceVersion"]
    assert device_upgrade.get("currentVersion", "") == last["curVersion"]
    assert "2.0" == last["targetVersion"]
    for each in run.receiver.notifications[device_id]:
        assert (run.upgrade["id"], device_upgrade["subOperationId"], APP) == (
            each["operationId"],
            each["subOperationId"],
            each["appId"],
        )


@pytest.mark.proof_on("postgres")
async def test_upgrade(program: Program) -> None:
    """
    60 devices, some of which never come, refuse or restart, end in the right results
    over two kills, and each notification comes, once, in order.
    """
    program.start(**SETTINGS)

    check(await run_upgrade(program, 60))


@pytest.mark.proof
async def test_upgrade_at_length(program: Program) -> None:
    """
    The same with 200.
    """
    program.start(**SETTINGS)

    check(await run_upgrade(program, 200))
