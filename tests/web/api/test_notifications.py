"""Notifications over the API: the server's own, and those from outside."""

from typing import Any

import pytest

from tests.web.api.operations import (
    PHOTO,
    STEP,
    create_operation,
    get_operation,
    run_step,
)
from tests.web.local_server import LocalServer, Response


async def post_notification(
    server: LocalServer, operation: dict[str, Any], **fields: Any
) -> Response:
    """Post a notification of an operation."""
    return await server.api(
        "POST", f"/operations/{operation['id']}/notifications", fields
    )


async def list_notifications(
    server: LocalServer, operation: dict[str, Any], query: str = ""
) -> list[dict[str, Any]]:
    """Return an operation's notifications."""
    path = f"/operations/{operation['id']}/notifications?{query}"
    items: list[dict[str, Any]] = (await server.api("GET", path)).json()["items"]
    return items


async def test_each_transition(server: LocalServer) -> None:
    """
    Each turn of a step is one notification, with its label and the progress of all.
    """
    operation = await create_operation(server, STEP, PHOTO)
    for _ in range(2):
        await run_step(server)

    notifications = await list_notifications(server, operation)

    assert [
        ("load_objects", 0, "RUNNING", "Step 1 of 2: queued"),
        ("load_objects", 25, "RUNNING", "Step 1 of 2: sent"),
        ("load_objects", 50, "RUNNING", "Step 1 of 2: SUCCESSFUL"),
        ("photo", 50, "RUNNING", "Step 2 of 2: queued"),
        ("photo", 75, "RUNNING", "Step 2 of 2: sent"),
        ("photo", 100, "COMPLETED", "Step 2 of 2: SUCCESSFUL"),
    ] == [
        (n["resource"], n["progress"], n["status"], n["message"]) for n in notifications
    ]


async def test_told(server: LocalServer) -> None:
    """
    A notification from outside is answered whole, and listed as it was answered.
    """
    operation = await create_operation(server)
    server.clock.tick(seconds=2)
    fields = {
        "progress": 30,
        "status": "RUNNING",
        "resource": "photo",
        "message": "half of it ☃",
        "sentOn": "2026-01-01T01:00:01.500000+01:00",
    }

    answer = await post_notification(server, operation, **fields)

    notification = answer.json()
    assert 201 == answer.status
    assert {
        **fields,
        "id": notification["id"],
        "operationId": operation["id"],
        "createdOn": "2026-01-01T00:00:02.000000Z",
        "createdBy": notification["createdBy"],
        "sentOn": "2026-01-01T00:00:01.500000Z",
    } == notification
    assert [notification] == await list_notifications(server, operation)
    assert 30 == (await get_operation(server, operation))["progress"]


async def test_least(server: LocalServer) -> None:
    """
    The progress is enough.
    """
    operation = await create_operation(server)

    notification = (await post_notification(server, operation, progress=0)).json()

    assert ("RUNNING", notification["createdOn"]) == (
        notification["status"],
        notification["sentOn"],
    )
    assert not {"resource", "message"} & set(notification)


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
async def test_closes(server: LocalServer, status: str) -> None:
    """
    The last word closes what has no steps; after it nothing is taken.
    """
    operation = await create_operation(server)

    await post_notification(server, operation, progress=100, status=status)
    late = await post_notification(server, operation, progress=100)

    done = await get_operation(server, operation)
    assert (status, True) == (done["status"], "endedAt" in done)
    assert (409, "conflict", None) == late.problem


async def test_does_not_close_steps(server: LocalServer) -> None:
    """
    An operation with steps follows them alone.
    """
    operation = await create_operation(server, STEP)

    await post_notification(server, operation, progress=100, status="FAILED")
    running = await get_operation(server, operation)
    await run_step(server)

    assert ("RUNNING", 0) == (running["status"], running["progress"])
    assert "COMPLETED" == (await get_operation(server, operation))["status"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"progress": 101}, "/progress"),
        ({"progress": -1}, "/progress"),
        ({"progress": 1.5}, "/progress"),
        ({"progress": "1"}, "/progress"),
        ({"progress": None}, "/progress"),
        ({"status": "DONE"}, "/status"),
        ({"resource": ""}, "/resource"),
        ({"message": "x" * 2001}, "/message"),
        ({"sentOn": "yesterday"}, "/sentOn"),
        ({"sentOn": "2026-01-01T00:00:00"}, "/sentOn"),
        ({"sentOn": "0001-01-01T00:00:00+01:00"}, "/sentOn"),
        ({"sentOn": "1969-12-31T23:59:59Z"}, "/sentOn"),
        ({"sentOn": "9999-12-31T23:59:59-01:00"}, "/sentOn"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(
    server: LocalServer, wrong: dict[str, Any], pointer: str
) -> None:
    """
    An error names the field, and no notification is stored.
    """
    operation = await create_operation(server)

    answer = await post_notification(server, operation, **{"progress": 1, **wrong})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == await list_notifications(server, operation)


async def test_nothing_given(server: LocalServer) -> None:
    """
    A progress there must be.
    """
    operation = await create_operation(server)

    assert (422, "invalid", "/progress") == (
        await post_notification(server, operation)
    ).problem


async def test_pages(server: LocalServer) -> None:
    """
    They are listed in the order they were made, in pages that link on.
    """
    operation = await create_operation(server)
    for n in range(5):
        await post_notification(server, operation, progress=10 * n)

    first = await server.api(
        "GET", f"/operations/{operation['id']}/notifications?limit=3"
    )
    cursor = first.json()["nextCursor"]
    rest = await list_notifications(server, operation, f"limit=3&cursor={cursor}")

    assert f"cursor={cursor}" in first.headers["Link"]
    progress = [n["progress"] for n in (*first.json()["items"], *rest)]
    assert [0, 10, 20, 30, 40] == progress


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "/limit"), ("cursor=x", "/cursor"), ("offset=1", "/offset")],
)
async def test_bad_query(server: LocalServer, query: str, pointer: str) -> None:
    """
    A query that is wrong is refused, and the parameter is named.
    """
    operation = await create_operation(server)
    path = f"/operations/{operation['id']}/notifications?{query}"

    assert (422, "invalid", pointer) == (await server.api("GET", path)).problem


async def test_not_there(server: LocalServer) -> None:
    """
    An operation that does not exist takes no notifications.
    """
    answer = await server.api("POST", "/operations/5/notifications", {"progress": 1})

    assert (404, "not-found", None) == answer.problem
