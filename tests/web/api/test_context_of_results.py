"""Results and events say what they are about: metadata, endpoint, device's name."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.web.event_stream import open_event_stream
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer
from tests.web.receiver import running_receiver

COMMAND = {**LOAD_USERS, "metadata": {"order": [4711]}}
#: What a program reads of it, by the permission that it needs.
CONTEXT: Mapping[str, Mapping[str, Any]] = {
    "commands:read": {"metadata": {"order": [4711]}},
    "devices:read": {"deviceName": "Pier"},
}


@pytest.fixture(name="server")
async def _server(server_of_all_faces: LocalServer) -> LocalServer:
    """Return a server with a device that has a name."""
    await server_of_all_faces.api("PUT", f"/devices/{DEVICE}", {"name": "Pier"})
    return server_of_all_faces


def context(shown: dict[str, Any]) -> dict[str, Any]:
    """Return of what is shown the part that tells what it is about."""
    names = ("metadata", "deviceName", "endpoint")
    return {name: shown[name] for name in names if name in shown}


def expected(*permissions: str) -> dict[str, Any]:
    """Return what is shown to who has these permissions."""
    shown: dict[str, Any] = {"endpoint": "load_objects"}
    for permission in permissions:
        shown |= CONTEXT[permission]
    return shown


async def answer_command(server: LocalServer) -> None:
    """Let the device answer a command, without an echo of what it was."""
    await server.enqueue(COMMAND)
    await server.poll()
    await server.post_result(b'{"response":{}}')


READS = [(), ("commands:read",), ("devices:read",), ("commands:read", "devices:read")]


@pytest.mark.parametrize("reads", READS, ids=" ".join)
async def test_results(server: LocalServer, reads: tuple[str, ...]) -> None:
    """
    A result has its command's endpoint and metadata, and its device's name, as far as
    the token may read those.
    """
    await answer_command(server)
    token = await server.create_token("results:read", *reads)

    page = (await server.api("GET", "/results", token=token)).json()

    assert [expected(*reads)] == [context(each) for each in page["items"]]


async def test_orphan(server: LocalServer) -> None:
    """
    A result of no command has neither endpoint nor metadata.
    """
    await server.post_result(b'{"response":{}}')

    assert [{"deviceName": "Pier"}] == list(map(context, await server.list_results()))


@pytest.mark.parametrize("reads", READS, ids=" ".join)
async def test_stream(server: LocalServer, reads: tuple[str, ...]) -> None:
    """
    So has each event of a command in a stream.
    """
    token = await server.create_token("events:read", *reads)
    async with open_event_stream(server, "events=command.status", token=token) as s:
        await answer_command(server)
        events = [await s.next_data() for _ in range(4)]

    assert [expected(*reads)] * 4 == list(map(context, events))


@pytest.mark.parametrize("reads", READS, ids=" ".join)
async def test_webhook(server: LocalServer, reads: tuple[str, ...]) -> None:
    """
    So has each that is posted, as far as who made the subscription may read.
    """
    token = await server.create_token("subscriptions:write", *reads)
    async with running_receiver() as receiver:
        body = {"url": receiver.url, "events": ["command.status"]}
        await server.api("POST", "/subscriptions", body, token=token)
        await answer_command(server)
        await server.deliver_webhooks()
        events = [json.loads(each.content)["data"] for each in receiver.received]

    assert [expected(*reads)] * 4 == list(map(context, events))


async def test_operation_event(server: LocalServer) -> None:
    """
    An event of an operation has its device's name.
    """
    async with open_event_stream(server, "events=operation.finished") as s:
        body = {"deviceId": DEVICE, "steps": [LOAD_USERS]}
        await server.api("POST", "/operations", body)
        await server.poll()
        await server.post_result()

        assert "Pier" == (await s.next_data())["deviceName"]
