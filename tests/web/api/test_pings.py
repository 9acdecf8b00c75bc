"""A ping speaks the language of its subscription: it is a sample of a real event."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.api.conftest import flush_last_seen
from tests.web.api.shadows import run_command, set_desired
from tests.web.api.subscriptions.requests import create_subscription
from tests.web.api.upgrades import SUCCESS, create_upgrade, run_steps
from tests.web.local_server import LocalServer, running_server
from tests.web.receiver import RecordingReceiver, running_receiver

STATE, RESULT = "swUpgradeStateChangeNotify", "swUpgradeResultNotify"
SHADOW = "deviceDesiredPropertiesModifyStatusChanged"
#: The names of ids in each format, wherever they stand.
IDS = {"command_id", "device_id", "gateway_id", "request_id"} | {
    *("deviceId", "operationId", "subOperationId"),
}
ZEROS = {"0", "0" * 18, "00000000-0000-0000-0000-000000000000"}


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may stay on the loopback."""
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server


def shape(value: Any) -> Any:
    """Return the keys in their order, with the types of what stands there."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    return type(value)


def ids(value: Any) -> list[str]:
    """Return every id in a body."""
    if not isinstance(value, dict):
        return []
    here = [each for key, each in value.items() if key in IDS]
    return here + [found for each in value.values() for found in ids(each)]


async def subscribe(
    server: LocalServer, receiver: RecordingReceiver, **fields: Any
) -> str:
    """Subscribe the receiver; return the subscription's id."""
    created = await create_subscription(server, url=receiver.url, **fields)
    await server.deliver_webhooks()
    return str(created["id"])


async def ping(
    server: LocalServer, receiver: RecordingReceiver, subscription_id: str
) -> Any:
    """Return what the receiver gets as a ping."""
    answer = await server.api("POST", f"/subscriptions/{subscription_id}/ping")
    assert answer.json()["ok"], answer.body
    assert receiver.received[-1].headers["webhook-id"].startswith("msg_ping_")
    return receiver.received[-1].body


async def test_iotda(server: LocalServer) -> None:
    """
    A ping has the keys and types of a command's push, its spelling and its app.
    """
    misprint = "device.commmad.status"
    async with running_receiver() as receiver:
        subscription_id = await subscribe(
            server, receiver, format="iotda", resourceName=misprint, appId="app-1"
        )
        await server.enqueue()
        await server.poll()
        await server.services.polling.record_written()
        await server.post_result()
        await server.deliver_webhooks()
        event = receiver.received[-1].body
        sample = await ping(server, receiver, subscription_id)

    assert shape(event) == shape(sample)
    assert {*ids(sample)} <= ZEROS
    assert (misprint, "app-1") == (
        sample["resource"],
        sample["notify_data"]["header"]["app_id"],
    )
    assert 4 == len(ids(sample))


@pytest.mark.parametrize("name", [STATE, RESULT])
async def test_oceanconnect_upgrades(server: LocalServer, name: str) -> None:
    """
    A ping is a message of the kind that was subscribed to, about no task.
    """
    async with running_receiver() as receiver:
        await server.api("PUT", "/devices/1", {})
        await server.poll("deviceId=1")
        await flush_last_seen(server)
        subscription_id = await subscribe(
            server, receiver, format="oceanconnect", events=[name], appId="app-1"
        )
        await create_upgrade(server, targets={"deviceIds": ["1"]})
        await run_steps(server, *SUCCESS)
        await server.deliver_webhooks()
        event = receiver.received[-1].body
        sample = await ping(server, receiver, subscription_id)

    assert (name, "app-1") == (sample["notifyType"], sample["appId"])
    assert shape(event) == shape(sample)
    assert ["0" * 18, "0", "0"] == ids(sample)


async def test_oceanconnect_shadow(server: LocalServer) -> None:
    """
    A ping has the fields of a shadow's push; its properties are an object.
    """
    async with running_receiver() as receiver:
        subscription_id = await subscribe(
            server, receiver, format="oceanconnect", events=[SHADOW]
        )
        await set_desired(server, {"general": {"language": "pt_BR"}})
        await run_command(server)
        await server.deliver_webhooks()
        event = receiver.received[-1].body
        sample = await ping(server, receiver, subscription_id)

    without: dict[str, Any] = {"properties": {}}
    assert shape({**event, **without}) == shape(sample)
    assert ["0" * 18] == ids(sample)


async def test_changed_events(server: LocalServer) -> None:
    """
    After a change of the subscription's events a ping is one of the new ones.
    """
    async with running_receiver() as receiver:
        subscription_id = await subscribe(
            server, receiver, format="oceanconnect", events=[SHADOW]
        )
        path = f"/subscriptions/{subscription_id}"
        await server.api("PATCH", path, {"events": [STATE]})
        sample = await ping(server, receiver, subscription_id)

    assert STATE == sample["notifyType"]


async def test_native(server: LocalServer) -> None:
    """
    In the server's own words a ping says that it is one.
    """
    async with running_receiver() as receiver:
        subscription_id = await subscribe(server, receiver)
        sample = await ping(server, receiver, subscription_id)

    assert ("ping", {"subscriptionId": subscription_id}) == (
        sample["type"],
        sample["data"],
    )
