"""Subscriptions for programs that were written for OceanConnect."""

import json
from collections.abc import AsyncIterator

import pytest

from pushserver.model.scope import FIRST_SCOPE
from tests.clock import ManualClock
from tests.web.api.shadows import ERROR, desire, do
from tests.web.api.subscriptions.subscriber import make, shown
from tests.web.receiver import receiving
from tests.web.site import DEVICE, Site, standing

SHADOW = "deviceDesiredPropertiesModifyStatusChanged"
OCEAN = {"format": "oceanconnect", "events": [SHADOW]}


@pytest.fixture(name="near")
async def _near(database: str, clock: ManualClock) -> AsyncIterator[Site]:
    """Return a server whose webhooks may stay on the loopback."""
    networks = "127.0.0.0/8"
    async with standing(database, clock, webhook_allow_networks=networks) as site:
        yield site


async def test_names(site: Site) -> None:
    """
    Events are given by the platform's names or ours, and shown by the platform's.
    """
    made = await make(
        site,
        format="oceanconnect",
        events=["upgrade.state", "swUpgradeResultNotify", "shadow.status"],
    )

    names = [SHADOW, "swUpgradeResultNotify", "swUpgradeStateChangeNotify"]
    assert names == made["events"] == (await shown(site, made))["events"]
    assert (str(FIRST_SCOPE), True) == (made["appId"], made["ordered"])


async def test_changed(site: Site) -> None:
    """
    They are changed by the same names.
    """
    made = await make(site, **OCEAN)
    path = f"/subscriptions/{made['id']}"

    await site.api("PATCH", path, {"events": ["swUpgradeStateChangeNotify"]})

    assert ["swUpgradeStateChangeNotify"] == (await shown(site, made))["events"]


@pytest.mark.parametrize("format_", ["native", "iotda"])
async def test_unknown_elsewhere(site: Site, format_: str) -> None:
    """
    Other formats do not know the platform's names.
    """
    wanted = {"url": "https://9.9.9.9/", "format": format_}
    names = ["command.status", SHADOW]
    answer = await site.api("POST", "/subscriptions", {**wanted, "events": names})

    assert (422, "invalid", "/events/1") == answer.problem
    assert SHADOW in answer.json()["detail"]


async def test_told(near: Site) -> None:
    """
    What was delivered and what failed is told once each, with the page's fields.
    """
    async with receiving() as receiver:
        await make(near, **OCEAN, url=f"{receiver.url}/v1.0.0/messageReceiver")
        await desire(near, {"general": {"language": "pt_BR", "beep": True}})
        await do(near)
        await desire(near, {"general": {"language": "xx"}})
        await do(near, ERROR)
        await near.deliver()

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


async def test_told_in_the_servers_words(near: Site) -> None:
    """
    Others are told in the server's own words, with the reason.
    """
    async with receiving() as receiver:
        await make(near, events=["shadow.status"], url=receiver.url)
        shadow = await desire(near, {"general": {"language": "xx"}})
        await do(near, ERROR)
        await near.deliver()

        (told,) = [one.body for one in receiver.received]
        assert "shadow.status" == told["type"]
        assert {
            "deviceId": str(DEVICE),
            "serviceId": "general",
            "properties": {"language": "xx"},
            "status": "FAILED",
            "version": 1,
            "commandId": shadow["services"]["general"]["commandId"],
            "error": "Node or attribute not found.",
        } == told["data"]
