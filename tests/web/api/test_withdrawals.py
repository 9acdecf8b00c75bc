"""Commands are taken back: one, those of a device, or many at once."""

from typing import Any

import pytest

from tests.web.api.operations import STEP, create_operation, get_operation
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer

CLEAR = f"/devices/{DEVICE}/commands"
CANCEL = "/commands/cancel"


async def withdraw(server: LocalServer, command: dict[str, Any]) -> dict[str, Any]:
    """Take a command back, and return it."""
    answer = await server.api("DELETE", f"/commands/{command['id']}")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def clear(server: LocalServer, query: str = "") -> dict[str, Any]:
    """Take back the device's commands, and return the counts."""
    answer = await server.api("DELETE", f"{CLEAR}{query}")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def cancel(server: LocalServer, body: Any, query: str = "") -> dict[str, Any]:
    """Take back many, and return the counts."""
    answer = await server.api("POST", f"{CANCEL}{query}", body)
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def give_up(server: LocalServer, uuid: str = "u1") -> None:
    """Let the device take its command and never answer."""
    await server.poll(f"deviceId={DEVICE}&uuid={uuid}")
    server.clock.tick(seconds=181)
    await server.expire_overdue()


async def states(server: LocalServer) -> list[str]:
    """Return the states of all commands, oldest first."""
    listed = (await server.api("GET", "/commands?limit=1000")).json()["items"]
    return [each["state"] for each in reversed(listed)]


async def test_given_once(server: LocalServer) -> None:
    """
    A command that was given and waits again ends as TIMEOUT, and a late result counts.
    """
    command = await server.enqueue()
    await give_up(server)
    taken = await withdraw(server, command)
    again = await server.api("DELETE", f"/commands/{command['id']}")

    assert ("TIMEOUT", True, 1) == (
        taken["state"],
        taken["withdrawn"],
        taken["attempts"],
    )
    assert (409, "conflict", None) == again.problem
    assert (await server.poll()).is_empty
    await server.post_result(query=f"deviceId={DEVICE}&uuid=u1")
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


@pytest.mark.parametrize("is_answered", [True, False])
async def test_in_flight(server: LocalServer, *, is_answered: bool) -> None:
    """
    What is in flight is not given again; a result ends it, without one it is TIMEOUT.
    """
    command = await server.enqueue()
    await server.poll()
    taken = await withdraw(server, command)
    assert ("SENT", True) == (taken["state"], taken["withdrawn"])
    await withdraw(server, command)
    if is_answered:
        await server.post_result()
    server.clock.tick(seconds=181)

    assert (await server.poll()).is_empty
    shown = await server.get_command(command["id"])
    expected = "SUCCESSFUL" if is_answered else "TIMEOUT"
    assert (expected, 1) == (shown["state"], shown["attempts"])


async def test_step(server: LocalServer) -> None:
    """
    The step of an operation that is taken back in flight ends it without an answer.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    operation = await create_operation(server, STEP, STEP)
    await server.poll()
    (command,) = (await server.api("GET", "/commands")).json()["items"]
    await withdraw(server, command)
    server.clock.tick(seconds=181)
    await server.expire_overdue()
    await server.services.next_steps.queue_due_steps()

    assert "STALE" == (await get_operation(server, operation))["status"]
    assert (await server.poll()).is_empty


async def test_clear(server: LocalServer) -> None:
    """
    All commands of a device are taken back at once, those of other devices are not.
    """
    for _ in range(3):
        await server.enqueue()
    other = await server.enqueue(device_id=7)
    await give_up(server)
    await server.enqueue({"endpoint": "reboot", "priority": 1})
    await server.poll()
    counted = await clear(server, "?dryRun=true")
    assert ["PENDING"] * 4 + ["SENT"] == await states(server)
    taken = await clear(server)

    expected = {
        "states": {"PENDING": 3, "SENT": 1},
        "canceled": 2,
        "withdrawn": 2,
    }
    assert {"dryRun": True, **expected} == counted
    assert {"dryRun": False, **expected} == taken
    assert ["TIMEOUT", "CANCELED", "CANCELED", "PENDING", "SENT"] == await states(
        server
    )
    none = {"dryRun": False, "states": {}, "canceled": 0, "withdrawn": 0}
    assert none == await clear(server)
    await withdraw(server, other)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("state=SENT", 3),
        ("state=PENDING", 0),
        ("state=PENDING,SENT", 0),
        ("endpoint=reboot", 2),
        ("createdBefore=2026-01-01T00:00:05Z", 1),
        ("endpoint=reboot&state=PENDING&createdBefore=2026-01-01T00:00:05Z", 2),
        ("endpoint=nothing", 3),
    ],
)
async def test_filters(server: LocalServer, query: str, left: int) -> None:
    """
    Filters choose, by the query of a device and by the body for all devices.
    """
    fields: dict[str, Any] = dict(each.split("=") for each in query.split("&"))
    if "state" in fields:
        fields["state"] = fields["state"].split(",")
    await server.enqueue()
    await server.enqueue({"endpoint": "reboot"})
    server.clock.tick(seconds=10)
    await server.enqueue()
    of_all = await cancel(server, fields, "?dryRun=true")
    of_device = await clear(server, f"?{query}&dryRun=true")

    assert of_all == of_device == {**await cancel(server, fields), "dryRun": True}
    assert left == (await states(server)).count("PENDING")
    assert 3 - left == of_all["canceled"]


async def test_many_devices(server: LocalServer) -> None:
    """
    Thousands of commands of many devices are taken back with one call.
    """
    for device in range(1, 4):
        for _ in range(2):
            batch = [dict(LOAD_USERS)] * 500
            await server.api("POST", f"/devices/{device}/commands", batch)
    ready = await server.enqueue({"endpoint": "reboot"}, 3)
    taken = await cancel(server, {"endpoint": "load_objects"})

    assert {"PENDING": 3000} == taken["states"]
    assert "PENDING" == (await server.get_command(ready["id"]))["state"]
    assert 1 == (await cancel(server, {"deviceId": 3}))["canceled"]


async def test_ids(server: LocalServer) -> None:
    """
    Of a list it is said how many were over before, and how many there are not.
    """
    first, second, third = [await server.enqueue() for _ in range(3)]
    await withdraw(server, third)
    ids = [each["id"] for each in (first, second, third, second)]

    taken = await cancel(server, {"ids": [*ids, "1"]})

    assert {
        "dryRun": False,
        "states": {"PENDING": 2},
        "canceled": 2,
        "withdrawn": 0,
        "over": 1,
        "unknown": 1,
    } == taken


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, None),
        ({"state": []}, None),
        ({"ids": []}, "/ids"),
        ({"ids": ["1"] * 1001}, "/ids"),
        ({"ids": ["x"]}, "/ids/0"),
        ({"ids": ["1"], "endpoint": "x"}, "/ids"),
        ({"state": ["SUCCESSFUL"]}, "/state/0"),
        ({"createdBefore": "2026"}, "/createdBefore"),
        ({"deviceId": "x"}, "/deviceId"),
        ({"everything": True}, "/everything"),
    ],
)
async def test_refused(server: LocalServer, body: Any, pointer: str | None) -> None:
    """
    A call that does not say which commands, or says it wrongly, changes nothing.
    """
    await server.enqueue()

    answer = await server.api("POST", CANCEL, body)

    assert 422 == answer.status, answer.body
    assert pointer == answer.json().get("pointer")
    assert ["PENDING"] == await states(server)
