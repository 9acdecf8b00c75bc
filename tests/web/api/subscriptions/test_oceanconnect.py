"""Subscriptions for programs that were written for OceanConnect."""

import json
from collections.abc import AsyncIterator

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.clock import ManualClock
from tests.web.api.shadows import ERROR, run_command, set_desired
from tests.web.api.subscriptions.requests import create_subscription, get_subscription
from tests.web.local_server import DEVICE, LocalServer, running_server
from tests.web.receiver import running_receiver

SHADOW = "deviceDesiredPropertiesModifyStatusChanged"
OCEAN = {"format": "oceanconnect", "events": [SHADOW]}


@pytest.fixture(name="near")
async def _near(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may stay on the loopback."""
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server


async def test_names(server: LocalServer) -> None:
    """
    Events are given by the platform's names or ours, and shown by the platform's.
    """
    created = await create_subscription(
        server,
        format="oceanconnect",
        events=["upgrade.state", "swUpgradeResultNotify", "shadow.status"],
    )

    names = [SHADOW, "swUpgradeResultNotify", "swUpgradeStateChangeNotify"]
    assert (
        names
        == created["events"]
        == (await get_subscription(server, created))["events"]
    )
    assert (str(DEFAULT_SCOPE_ID), True) == (created["appId"], created["ordered"])


async def test_changed(server: LocalServer) -> None:
    """
    They are changed by the same names.
    """
    created = await create_subscription(server, **OCEAN)
    path = f"/subscriptions/{created['id']}"

    await server.api("PATCH", path, {"events": ["swUpgradeStateChangeNotify"]})

    assert ["swUpgradeStateChangeNotify"] == (await get_subscription(server, created))[
        "events"
    ]


@pytest.mark.parametrize("format_", ["native", "iotda"])
async def test_unknown_elsewhere(server: LocalServer, format_: str) -> None:
    """
    Other formats do not know the platform's names.
    """
    body = {"url": "https://9.9.9.9/", "format": format_}
    names = ["command.status", SHADOW]
    answer = await server.api("POST", "/subscriptions", {**body, "events": names})

    assert (422, "invalid", "/events/1") == answer.problem
    assert SHADOW in answer.json()["detail"]


async def test_told(near: LocalServer) -> None:
    """
    Each delivery and each failure is sent once, with the page's fields.
    """
    async with running_receiver() as receiver:
        await create_subscription(
            near, **OCEAN, url=f"{receiver.url}/v1.0.0/messageReceiver"
        )
        await set_desired(near, {"general": {"language": "pt_BR", "beep": True}})
        await run_command(near)
        await set_desired(near, {"general": {"language": "xx"}})
        await run_command(near, ERROR)
        await near.deliver_webhooks()

        common = {
            "notifyType": SHADOW,
            "deviceId": str(DEVICE),
            "serviceId": "general",
        }
        assert [
            {
                **common,
                "properties": {"language": "pt_BR", "beep": True},
                "status": "DELIVERED",
            },
            {**common, "properties": {"language": "xx"}, "status": "FAILED"},
        ] == [one.body for one in receiver.received]
        for one in receiver.received:
            assert f'"notifyType":"{SHADOW}"'.encode() in one.content
            assert one.content == json.dumps(one.body, separators=(",", ":")).encode()


async def test_told_in_the_servers_words(near: LocalServer) -> None:
    """
    The native format has the server's own words, with the reason.
    """
    async with running_receiver() as receiver:
        await create_subscription(near, events=["shadow.status"], url=receiver.url)
        shadow = await set_desired(near, {"general": {"language": "xx"}})
        await run_command(near, ERROR)
        await near.deliver_webhooks()

        (received,) = [one.body for one in receiver.received]
        assert "shadow.status" == received["type"]
        assert {
            "deviceId": str(DEVICE),
            "serviceId": "general",
            "properties": {"language": "xx"},
            "status": "FAILED",
            "version": 1,
            "commandId": shadow["services"]["general"]["commandId"],
            "error": "Node or attribute not found.",
        } == received["data"]
