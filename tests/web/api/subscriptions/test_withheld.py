"""Texts of operations, and what is known of devices, are not in everybody's events."""

import json
from typing import Any

import pytest

from tests.services.online_devices import online_monitor
from tests.web.api.tasks import change_task, create_task
from tests.web.event_stream import open_event_stream
from tests.web.local_server import DEVICE, LocalServer
from tests.web.receiver import running_receiver

TYPES = ["operation.*", "task.finished", "device.quarantined"]
TAGS = {"site": "north", "product_id": "P", "node_id": "N"}
#: The fields of whoever reads operations, or devices, as they are there and elsewhere.
OPERATIONS = {"resource": "the gate", "message": "stuck", "name": "of July"}
DEVICES = {"address": "127.0.0.1"}
LEFT_OUT = {"resource": ""}
READS: dict[str, dict[str, str]] = {
    "operations:read": LEFT_OUT | OPERATIONS,
    "devices:read": LEFT_OUT | DEVICES,
    "results:read": LEFT_OUT,
    "admin": OPERATIONS | DEVICES,
}


async def make_events(server: LocalServer) -> None:
    """Let an operation, a task and an unknown device make an event each, or more."""
    asked = {"deviceId": DEVICE, "resource": OPERATIONS["resource"]}
    created = (await server.api("POST", "/operations", asked)).json()
    texts = {name: OPERATIONS[name] for name in ("resource", "message")}
    path = f"/operations/{created['id']}/notifications"
    await server.api("POST", path, {**texts, "progress": 5})
    task = await create_task(server, name=OPERATIONS["name"])
    await change_task(server, task, "cancel")
    await server.services.task_scheduler.advance()
    await server.poll("deviceId=999")
    await online_monitor(server.services).publish_changes()


def said(events: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the first event with each of the fields says there."""
    fields: dict[str, str] = {}
    for event in events:
        fields = event["data"] | fields
    return {name: fields[name] for name in OPERATIONS | DEVICES if name in fields}


@pytest.mark.parametrize("reads", READS)
async def test_webhooks(server: LocalServer, reads: str) -> None:
    """
    A subscription has the texts of operations if its maker may read those, and the
    addresses of devices if its maker may read these.
    """
    token = await server.create_token("subscriptions:write", reads)
    async with running_receiver() as receiver:
        body = {"url": receiver.url, "events": TYPES}
        await server.api("POST", "/subscriptions", body, token=token)
        await make_events(server)
        await server.deliver_webhooks()
        events = [json.loads(each.content) for each in receiver.received]

    assert READS[reads] == said(events)


@pytest.mark.parametrize("reads", READS)
async def test_stream(server: LocalServer, reads: str) -> None:
    """
    So it is with a stream of events.
    """
    token = await server.create_token("events:read", reads)
    query = "&".join(f"events={each}" for each in TYPES)
    async with open_event_stream(server, query, token=token) as stream:
        await make_events(server)
        events = [json.loads((await stream.next_event())["data"])]
        while "device.quarantined" != events[-1]["type"]:
            events.append(json.loads((await stream.next_event())["data"]))

    assert READS[reads] == said(events)


@pytest.mark.parametrize("reads", ["devices:read", "operations:read"])
async def test_tags_for_a_platform(server: LocalServer, reads: str) -> None:
    """
    A platform is sent a device's tags if the subscription's maker may read devices.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"tags": TAGS})
    token = await server.create_token("subscriptions:write", "results:read", reads)
    async with running_receiver() as receiver:
        body = {"url": receiver.url, "events": ["command.status"], "format": "iotda"}
        await server.api("POST", "/subscriptions", body, token=token)
        await server.enqueue()
        await server.deliver_webhooks()
        header = json.loads(receiver.received[0].content)["notify_data"]["header"]

    given = {"product_id": "P", "node_id": "N", "tags": ["site"]}
    tags = [each["tag_key"] for each in header.get("tags", [])]
    shown = {name: header[name] for name in ("product_id", "node_id") if name in header}
    assert (given if reads == "devices:read" else {"tags": []}) == {
        **shown,
        "tags": tags,
    }
