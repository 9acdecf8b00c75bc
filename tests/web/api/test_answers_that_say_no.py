"""A device that refuses, or answers unreadably: what follows, and what is shown."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.api.operations import create_operation, get_operation, run_step
from tests.web.api.shadows import DESIRED, get_services, run_command, set_desired
from tests.web.api.subscriptions.requests import create_subscription
from tests.web.api.tasks import create_task, get_task, run_steps, task_counts
from tests.web.api.upgrades import create_upgrade, get_upgrade
from tests.web.local_server import (
    DEVICE,
    OPEN_DOOR,
    LocalServer,
    running_server,
    wait_until,
)
from tests.web.receiver import RecordingReceiver, running_receiver

DENIED = {"action": "door", "status": "denied"}
REFUSAL = json.dumps({"response": {"actions": [DENIED]}}).encode()
NO_PHOTO = (
    b'{"response":{"user_id":7,"scores":{},"success":false,'
    b'"errors":[{"code":1,"message":"image too short"}]}}'
)
UNREADABLE = b'{"response":{"actions":[{"act'
PHOTO = {"endpoint": "user_set_image", "body": {}}
QUERY = f"deviceId={DEVICE}"


@pytest.fixture(name="near")
async def _near(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may stay on the loopback."""
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server


async def answer_door(server: LocalServer, body: bytes, named: str = "") -> Any:
    """Let a device answer a command for its door; return the command."""
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    await server.post_result(body, f"{QUERY}&uuid=u1{named}")
    return await server.get_command(command["id"])


@pytest.mark.parametrize(
    "named",
    ["", "&endpoint=execute_actions", "&endpoint=/execute_actions.fcgi", "&endpoint=x"],
)
async def test_refused(server: LocalServer, named: str) -> None:
    """
    A refusal is a failure with the device's words, whatever its result names; lists
    show what the command shows.
    """
    command = await answer_door(server, REFUSAL, named)

    expected = {"refused": True, "error": [DENIED], "response": {"actions": [DENIED]}}
    (listed,) = await server.list_results()
    (of_device,) = (await server.api("GET", f"/devices/{DEVICE}/commands")).json()[
        "items"
    ]
    assert ("FAILED", "failed") == (
        command["state"],
        command["deliveries"][0]["outcome"],
    )
    for shown in (command["result"], listed, of_device["result"]):
        assert expected == {name: shown[name] for name in expected}
        assert "unreadable" not in shown


async def test_unreadable(server: LocalServer) -> None:
    """
    An unreadable answer ends in TIMEOUT; the delivery and every list say why.
    """
    command = await answer_door(server, UNREADABLE)

    (listed,) = await server.list_results()
    assert ("TIMEOUT", "unreadable") == (
        command["state"],
        command["deliveries"][0]["outcome"],
    )
    for shown in (command["result"], listed):
        assert shown["unreadable"] is True
        assert {"refused", "error", "response"}.isdisjoint(shown)


@pytest.mark.parametrize(
    ("named", "refused"), [("execute_actions", True), ("load_objects", False)]
)
async def test_orphan(server: LocalServer, named: str, refused: bool) -> None:
    """
    An orphan is read as a result of the endpoint that it names.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.post_result(REFUSAL, f"{QUERY}&endpoint={named}")

    (listed,) = await server.list_results()
    assert (True, refused) == (listed["orphan"], "refused" in listed)


@pytest.mark.parametrize(
    ("body", "status", "note"),
    [
        (REFUSAL, "FAILED", "FAILED, refused"),
        (UNREADABLE, "STALE", "TIMEOUT, unreadable"),
    ],
)
async def test_operation(
    server: LocalServer, body: bytes, status: str, note: str
) -> None:
    """
    No step follows one that was refused, or of which nobody knows.
    """
    operation = await create_operation(server, OPEN_DOOR, OPEN_DOOR)

    await run_step(server, body)

    assert status == (await get_operation(server, operation))["status"]
    assert (await server.poll()).is_empty
    path = f"/operations/{operation['id']}/notifications"
    notifications = (await server.api("GET", path)).json()["items"]
    assert f"Step 1 of 2: {note}" in [each.get("message") for each in notifications]


@pytest.mark.parametrize(("body", "follows"), [(REFUSAL, True), (UNREADABLE, False)])
async def test_operation_that_continues(
    server: LocalServer, body: bytes, follows: bool
) -> None:
    """
    It goes on after a failure, and not after what nobody knows.
    """
    operation = await create_operation(
        server, OPEN_DOOR, OPEN_DOOR, onFailure="continue"
    )

    await run_step(server, body)

    assert follows is not (await server.poll()).is_empty
    status = "RUNNING" if follows else "STALE"
    assert status == (await get_operation(server, operation))["status"]


@pytest.mark.parametrize(
    ("body", "counts"), [(NO_PHOTO, (2, 1, 1, 0, 2)), (UNREADABLE, (2, 1, 0, 1, 2))]
)
async def test_task(
    server_with_devices: LocalServer, body: bytes, counts: tuple[int, ...]
) -> None:
    """
    A task counts them, and pauses after as many as it was told.
    """
    task = await create_task(
        server_with_devices, steps=[PHOTO], stopAfterFailures=1, concurrency=1
    )
    await run_steps(server_with_devices, 1)
    await run_steps(server_with_devices, 2, body=body)

    task = await get_task(server_with_devices, task)
    assert "PAUSED" == task["state"]
    assert counts == task_counts(task)


async def test_shadow(server: LocalServer) -> None:
    """
    What nobody could read was not delivered; the shadow says so.
    """
    await set_desired(server, DESIRED)

    await run_command(server, UNREADABLE)

    general = (await get_services(server))["general"]
    assert ("failed", {}, "The answer cannot be read.") == (
        general["status"],
        general["reported"],
        general["error"],
    )


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (NO_PHOTO, "DEVICE_ERROR", 'failed: [{"code":1,"message":"image too short"}]'),
        (UNREADABLE, "TIMEOUT", "has an answer that cannot be read."),
    ],
)
async def test_upgrade(
    server_with_devices: LocalServer, body: bytes, code: str, words: str
) -> None:
    """
    A download that is refused, or is answered unreadably, ends the device's upgrade.
    """
    server = server_with_devices
    verify = {
        "command": {"endpoint": "system_information"},
        "versionPointer": "/version",
    }
    upgrade = await create_upgrade(
        server,
        targets={"deviceIds": ["1"]},
        phases={"download": [PHOTO], "apply": [PHOTO], "verify": verify},
    )
    await run_steps(server, 1, body=b'{"response":{"version":"1.0"}}')
    await run_steps(server, 1, body=body)

    (failure,) = (await get_upgrade(server, upgrade))["failures"]
    assert (code, f"Step 2 of 4 (user_set_image) {words}") == (
        failure["errorCode"],
        failure["error"],
    )


def says_the_end(webhook: Any) -> bool:
    """Tell whether a webhook, of either format, says how a command ended."""
    native = webhook.get("data", {}).get("state")
    platform = webhook.get("notify_data", {}).get("body", {}).get("status")
    return {native, platform} & {"FAILED", "TIMEOUT"} != set()


async def receive_last(near: LocalServer, body: bytes, **fields: Any) -> Any:
    """Return the webhook that says how a command ended that was answered by *body*."""
    receiver: RecordingReceiver
    async with running_receiver() as receiver:
        await create_subscription(near, url=receiver.url, **fields)
        await answer_door(near, body)
        ends: list[Any] = []

        async def has_come() -> bool:
            # What is under way may come after a later one, or after the round.
            await near.deliver_webhooks()
            ends.extend(r.body for r in receiver.received if says_the_end(r.body))
            return bool(ends)

        await wait_until(has_come)
        return ends[-1]


async def test_webhook(near: LocalServer) -> None:
    """
    Applications hear of a refusal in the device's words, and that nobody can read.
    """
    refused = await receive_last(near, REFUSAL)
    unreadable = await receive_last(near, UNREADABLE)

    assert ("FAILED", True, [DENIED]) == tuple(
        refused["data"][name] for name in ("state", "refused", "error")
    )
    assert "response" not in refused["data"]
    assert ("TIMEOUT", True) == tuple(
        unreadable["data"][name] for name in ("state", "unreadable")
    )


async def test_webhook_of_a_platform(near: LocalServer) -> None:
    """
    A platform's applications get the response that refuses as the result of a failure.
    """
    refused = await receive_last(near, REFUSAL, format="iotda")
    unreadable = await receive_last(near, UNREADABLE, format="iotda")

    body = refused["notify_data"]["body"]
    assert ("FAILED", {"actions": [DENIED]}) == (body["status"], body["result"])
    body = unreadable["notify_data"]["body"]
    assert "TIMEOUT" == body["status"]
    assert "result" not in body


async def test_webhook_of_one_that_was_replaced(near: LocalServer) -> None:
    """
    The event of a command that another took the place of says which.
    """
    async with running_receiver() as receiver:
        await create_subscription(near, url=receiver.url)
        first = await near.enqueue({**OPEN_DOOR, "supersede": "door"})
        second = await near.enqueue({**OPEN_DOOR, "supersede": "door"})
        await near.deliver_webhooks()

    events = [each.body["data"] for each in receiver.received]
    assert [(first["id"], second["id"])] == [
        (each["commandId"], each["replacedBy"])
        for each in events
        if each["state"] == "CANCELED"
    ]
    assert 1 == sum("replacedBy" in each for each in events)


async def test_webhook_that_is_late(near: LocalServer) -> None:
    """
    What is told of an unreadable answer does not tell of the one that came after it.
    """
    async with running_receiver() as receiver:
        await create_subscription(near, url=receiver.url)
        await answer_door(near, UNREADABLE)
        await near.post_result(REFUSAL, f"{QUERY}&uuid=u1")
        by_state: dict[str, Any] = {}

        async def have_come() -> bool:
            await near.deliver_webhooks()
            by_state.update(
                (r.body["data"]["state"], r.body["data"]) for r in receiver.received
            )
            return {"TIMEOUT", "FAILED"} <= by_state.keys()

        await wait_until(have_come)

    timeout, failed = by_state["TIMEOUT"], by_state["FAILED"]
    assert {"error", "refused"}.isdisjoint(timeout)
    assert failed["refused"] is True
