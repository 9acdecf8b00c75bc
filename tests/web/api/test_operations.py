"""Operations over the API: what a program sends, and what it gets."""

from typing import Any

import pytest

from tests.web.api.operations import (
    IDEMPOTENCY_HEADER,
    PHOTO,
    STEP,
    create_operation,
    get_operation,
    run_step,
)
from tests.web.local_server import ADMIN, DEVICE, LocalServer


async def test_begun(server: LocalServer) -> None:
    """
    A program gets its operation whole, with its first command, and where it is.
    """
    answer = await server.api(
        "POST", "/operations", {"deviceId": DEVICE, "steps": [STEP, PHOTO]}
    )

    operation = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/operations/{operation['id']}" == answer.headers["Location"]
    assert {
        "id": operation["id"],
        "deviceId": str(DEVICE),
        "status": "RUNNING",
        "progress": 0,
        "onFailure": "stop",
        "resource": "load_objects",
        "action": "EXECUTE",
        "appId": "pushserver",
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "createdBy": ADMIN,
        "startedAt": "2026-01-01T00:00:00.000000Z",
        "modifiedAt": "2026-01-01T00:00:00.000000Z",
        "stepCount": 2,
        "stepsDone": 0,
        "steps": [
            {
                "verb": "POST",
                "endpoint": "load_objects",
                "commandId": operation["steps"][0]["commandId"],
                "state": "PENDING",
            },
            {"resource": "photo", "verb": "POST", "endpoint": "user_set_image"},
        ],
    } == operation
    assert operation == await get_operation(server, operation)


async def test_everything_given(server: LocalServer) -> None:
    """
    Every field that a program gives is stored and shown.
    """
    fields: dict[str, Any] = {
        "onFailure": "continue",
        "resource": "a photo\u0001 ☃",
        "action": "WRITE",
        "appId": "door-tool",
        "properties": {"ticket": "7", "": ""},
    }

    operation = await create_operation(server, PHOTO, **fields)

    assert fields == {name: operation[name] for name in fields}
    assert operation == await get_operation(server, operation)


async def test_to_the_end(server: LocalServer) -> None:
    """
    Step by step the device is given all of it, and progress is shown.
    """
    operation = await create_operation(
        server, STEP, {**PHOTO, "queryString": "user_id=1"}, STEP
    )
    handed_out, progress = [], []
    for _ in range(3):
        server.clock.tick(seconds=1)
        handed_out.append((await run_step(server)).json()["endpoint"])
        progress.append((await get_operation(server, operation))["progress"])

    done = await get_operation(server, operation)
    assert ["load_objects", "user_set_image", "load_objects"] == handed_out
    assert [33, 66, 100] == progress
    assert ("COMPLETED", 3, "2026-01-01T00:00:03.000000Z") == (
        done["status"],
        done["stepsDone"],
        done["endedAt"],
    )
    assert ["SUCCESSFUL"] * 3 == [step["state"] for step in done["steps"]]
    assert "user_id=1" == done["steps"][1]["queryString"]


async def test_its_commands(server: LocalServer) -> None:
    """
    A step's command is a command like any other, with its result.
    """
    operation = await create_operation(server, STEP)
    await run_step(server)

    command = await server.get_command(operation["steps"][0]["commandId"])

    assert ("SUCCESSFUL", {"object": "users"}) == (command["state"], command["body"])


@pytest.mark.parametrize(
    ("on_failure", "states"),
    [("stop", ["FAILED", None]), ("continue", ["FAILED", "SUCCESSFUL"])],
)
async def test_failed(
    server: LocalServer, on_failure: str, states: list[str | None]
) -> None:
    """
    A failed step ends the operation, or is passed over.
    """
    operation = await create_operation(server, STEP, PHOTO, onFailure=on_failure)
    await run_step(server, b'{"error":"no"}')
    if on_failure == "continue":
        await run_step(server)

    done = await get_operation(server, operation)
    assert "FAILED" == done["status"]
    assert states == [step.get("state") for step in done["steps"]]


async def test_stale_and_mended(server: LocalServer) -> None:
    """
    A step without an answer makes the operation STALE; a late result corrects it.
    """
    operation = await create_operation(server, {"endpoint": "reboot"})
    await server.poll()
    server.clock.tick(seconds=180)
    await server.expire_overdue()
    stale = (await get_operation(server, operation))["status"]
    await server.post_result()

    done = await get_operation(server, operation)
    assert ("STALE", "COMPLETED", 100) == (stale, done["status"], done["progress"])


async def test_no_steps(server: LocalServer) -> None:
    """
    An operation without steps is the device's, too; it waits for its notifications.
    """
    operation = await create_operation(server)

    assert ("RUNNING", [], "operation") == (
        operation["status"],
        operation["steps"],
        operation["resource"],
    )
    assert (await server.poll()).is_empty


async def test_a_hundred_steps(server: LocalServer) -> None:
    """
    A hundred steps are taken, and one more is not.
    """
    assert 100 == (await create_operation(server, *[STEP] * 100))["stepCount"]

    refused = await server.api(
        "POST", "/operations", {"deviceId": DEVICE, "steps": [STEP] * 101}
    )
    assert (422, "invalid", "/steps") == refused.problem


async def test_adopts(server: LocalServer) -> None:
    """
    A token that may write devices adopts by beginning; another one may not.
    """
    may = await server.create_token("operations:write", "devices:write")
    may_not = await server.create_token("operations:write")

    body = {"deviceId": str(DEVICE), "steps": [STEP]}
    refused = await server.api("POST", "/operations", body, token=may_not)
    taken = await server.api("POST", "/operations", body, token=may)

    assert (404, "not-found", None) == refused.problem
    assert 201 == taken.status
    assert "adopted" == (await server.get_device())["state"]


async def test_key(server: LocalServer) -> None:
    """
    The same request with its key is answered the same, and done once.
    """
    body = {"deviceId": DEVICE, "steps": [STEP]}
    first = await server.api("POST", "/operations", body, headers=IDEMPOTENCY_HEADER)
    await run_step(server)
    again = await server.api("POST", "/operations", body, headers=IDEMPOTENCY_HEADER)
    other = await server.api(
        "POST", "/operations", {"deviceId": DEVICE}, headers=IDEMPOTENCY_HEADER
    )

    assert (201, first.body) == (again.status, again.body)
    assert first.headers["Location"] == again.headers["Location"]
    assert (None, "true") == (
        first.headers.get("Idempotency-Replayed"),
        again.headers["Idempotency-Replayed"],
    )
    assert (422, "idempotency-mismatch", None) == other.problem
    assert 1 == len((await server.api("GET", "/operations")).json()["items"])


async def test_canceled(server: LocalServer) -> None:
    """
    Canceling ends what waits; what is in flight runs to its end; the end is the end.
    """
    waits, flies = (
        await create_operation(server, STEP),
        await create_operation(server, STEP, STEP),
    )
    first = await server.api("POST", f"/operations/{waits['id']}/cancel")
    await server.poll()
    second = await server.api("POST", f"/operations/{flies['id']}/cancel")
    await server.post_result()
    third = await server.api("POST", f"/operations/{flies['id']}/cancel")

    assert ("FAILED", True, "CANCELED") == (
        first.json()["status"],
        first.json()["canceled"],
        first.json()["steps"][0]["state"],
    )
    assert ("RUNNING", True) == (second.json()["status"], second.json()["canceled"])
    assert (409, "conflict", None) == third.problem
    assert "FAILED" == (await get_operation(server, flies))["status"]
