"""A fleet converges to what is desired over two kills, and an application follows."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pushserver.client import Client, Json, iter_items
from pushserver.simulate import FleetPlan, Journal, SimulatedFleet, parse_quirk_names
from tests.program import Program
from tests.web.local_server import wait_until

NOTIFY: Final = "deviceDesiredPropertiesModifyStatusChanged"
DESIRED: Json = {
    "general": {"language": "en_US", "beep_sound_enabled": False},
    "alarm": {"siren_enabled": True},
}
TEXTS = {
    "general": {"language": "en_US", "beep_sound_enabled": "0"},
    "alarm": {"siren_enabled": "1"},
}
DEVICES = 25
SETTINGS = {
    "grace": 0.5,
    "response_timeout": 4,
    "webhook_allow_http": "true",
    "webhook_allow_networks": "127.0.0.0/8",
}


@attrs.define(eq=False)
class Platform:
    """An application that looks for the type of a notification in the raw text."""

    received: dict[str, Json] = attrs.Factory(dict)
    in_order: dict[tuple[str, str], list[str]] = attrs.Factory(
        lambda: defaultdict(list)
    )

    async def take(self, request: web.Request) -> web.Response:
        """Take a notification; the same one counts once."""
        text = await request.text()
        assert f'"notifyType":"{NOTIFY}"' in text
        body, name = json.loads(text), request.headers["webhook-id"]
        if name not in self.received:
            self.received[name] = body
            place = body["deviceId"], body["serviceId"]
            self.in_order[place].append(body["status"])
        return web.Response()


@asynccontextmanager
async def receiving(platform: Platform) -> AsyncIterator[str]:
    """Let the application listen for the length of the block."""
    app = web.Application()
    app.router.add_post("/{path:.*}", platform.take)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1.0.0/messageReceiver"))


async def done(api: Client, task: Json, share: float) -> None:
    """Wait until so much of the task is done."""

    async def is_done() -> bool:
        reached: bool = (await api.tasks.get(task["id"]))["done"] >= share
        return reached

    await wait_until(is_done, within=60)


async def wait_until_in_sync(api: Client, device_id: str) -> dict[str, Any]:
    """Have sent again what failed, and the device asked, until all is in sync."""
    async with asyncio.timeout(60):
        while True:
            services: dict[str, Any] = (await api.shadows.get(device_id))["services"]
            statuses = {service["status"] for service in services.values()}
            if statuses == {"inSync"}:
                return services
            if "failed" in statuses or "drift" in str(services):
                await api.shadows.update_desired(
                    device_id, {name: {} for name in DESIRED}
                )
            elif statuses <= {"inSync", "delivered"}:
                await api.shadows.refresh(device_id, {})
            await asyncio.sleep(0.3)


async def written(api: Client, device_id: str) -> Counter[str]:
    """Return how the commands that wrote the device ended."""
    found = iter_items(
        api.commands.list, 0, deviceId=device_id, endpoint="set_configuration"
    )
    return Counter([command["state"] async for command in found])


@pytest.mark.proof_on("postgres")
async def test_shadows(program: Program) -> None:
    """
    Devices with every quirk get what is desired, and the last event is true.
    """
    program.start(**SETTINGS)
    plan = FleetPlan(
        server=program.url,
        devices=DEVICES,
        first_id=7_000_000,
        seed=5,
        period=0.2,
        hold_timeout=3,
        quirk_names=parse_quirk_names("all"),
    )
    platform, stop = Platform(), asyncio.Event()
    async with (
        receiving(platform) as url,
        Client(program.url, program.token) as api,
        SimulatedFleet.opened(plan, Journal(keep_entries=False)) as fleet,
    ):
        ids = [str(each) for each in plan.ids]
        lines = (json.dumps({"deviceId": each}) for each in ids)
        await api.devices.import_file("\n".join(lines).encode())
        await api.subscriptions.create(url, [NOTIFY], format="oceanconnect")
        running = asyncio.create_task(fleet.run(stop))
        task = await api.shadows.update_desired_of_many(
            {"all": True}, DESIRED, concurrency=10
        )
        for share in (0.2, 0.6):
            await done(api, task, share)
            await program.kill_and_restart(**SETTINGS)
        await done(api, task, 1)
        shadows = await asyncio.gather(*(wait_until_in_sync(api, each) for each in ids))
        writes = {each: await written(api, each) for each in ids}
        await wait_until_quiet(platform)
        stop.set()
        await running

    for device, shadow in zip(fleet.devices, shadows, strict=True):
        has = device.firmware.configuration.modules
        assert TEXTS == {name: shadow[name]["reported"] for name in TEXTS}
        assert TEXTS == {
            name: {key: has[name][key] for key in texts}
            for name, texts in TEXTS.items()
        }
    for body in platform.received.values():
        assert ["notifyType", "deviceId", "serviceId", "properties", "status"] == list(
            body
        )
        assert body["properties"].items() <= DESIRED[body["serviceId"]].items()
    for each in ids:
        delivered = 0
        for name in DESIRED:
            notification = platform.in_order[each, name]
            assert "DELIVERED" == notification[-1], each
            delivered += notification.count("DELIVERED")
        # One that was replaced may succeed late, without an event.
        assert len(DESIRED) <= delivered <= writes[each]["SUCCESSFUL"], each


async def wait_until_quiet(platform: Platform) -> None:
    """Wait until no further event arrives for a while."""
    async with asyncio.timeout(30):
        before = -1
        while before != len(platform.received):
            before = len(platform.received)
            await asyncio.sleep(1.5)
