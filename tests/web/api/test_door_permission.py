"""Doors are opened with a permission of their own, in whatever way."""

from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.api.upgrades import PHASES
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    OPEN_DOOR,
    LocalServer,
    Response,
)

WRITE = ("commands:read", "commands:write", "operations:read", "operations:write")
SAFE_TO_ALL = {"targets": {"all": True}}
ANY_SPELLING = ["execute_actions", "/execute_actions.fcgi", "Execute_Actions"]


@pytest.fixture(autouse=True)
async def _device(server: LocalServer) -> None:
    await server.api("PUT", f"/devices/{DEVICE}", {})


def every_way(order: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return each call that takes an order, with a body that has it."""
    commands = f"/devices/{DEVICE}/commands"
    phases = {**PHASES, "apply": [*PHASES["apply"], order]}
    return {
        "command": (commands, order),
        "array": (commands, [LOAD_USERS, order]),
        "operation": (
            "/operations",
            {"deviceId": str(DEVICE), "steps": [LOAD_USERS, order]},
        ),
        "task": ("/tasks", {**SAFE_TO_ALL, "steps": [LOAD_USERS, order]}),
        "preview": ("/tasks", {**SAFE_TO_ALL, "steps": [order], "dryRun": True}),
        "upgrade": (
            "/upgrades",
            {**SAFE_TO_ALL, "targetVersion": "2", "phases": phases},
        ),
    }


@each_case("endpoint", [*ANY_SPELLING, "remote_user_authorization"])
@each_case("way", every_way({}))
async def test_refused(server: LocalServer, way: str, endpoint: str) -> None:
    """
    Who may write, and not open doors, gives no order that opens one; nothing is kept.
    """
    token = await server.create_token(*WRITE)
    path, body = every_way({"endpoint": endpoint})[way]

    answer = await server.api("POST", path, body, token=token)

    assert (403, "forbidden", None) == answer.problem
    assert b"commands:door" in answer.body
    for kind in ("commands", "operations", "tasks"):
        assert [] == (await server.api("GET", f"/{kind}")).json()["items"]


async def test_refused_as_bytes(server: LocalServer) -> None:
    """
    An order whose body is raw bytes is one, too.
    """
    token = await server.create_token(*WRITE)

    answer = await server.api(
        "POST",
        f"/devices/{DEVICE}/commands?endpoint=execute_actions",
        b"{}",
        token=token,
        headers={"Content-Type": "application/octet-stream"},
    )

    assert (403, "forbidden", None) == answer.problem


@pytest.mark.parametrize("way", every_way({}))
async def test_allowed(server: LocalServer, way: str) -> None:
    """
    With the permission doors are opened; without it everything else is done.
    """
    door = await server.create_token(*WRITE, "commands:door")
    other = await server.create_token(*WRITE)

    for token, order in ((door, dict(OPEN_DOOR)), (other, {"endpoint": "reboot"})):
        path, body = every_way(order)[way]
        answer = await server.api("POST", path, body, token=token)
        assert answer.status in (200, 201), answer.body


async def test_door_alone(server: LocalServer) -> None:
    """
    The permission for doors goes with one that writes; alone it enqueues nothing.
    """
    token = await server.create_token("commands:door")

    answer = await server.api(
        "POST", f"/devices/{DEVICE}/commands", dict(OPEN_DOOR), token=token
    )

    assert (403, "forbidden", None) == answer.problem


async def again(server: LocalServer, path: str) -> list[Response]:
    """Call *path* without the permission for doors, and with it."""
    tokens = [
        await server.create_token(*WRITE),
        await server.create_token(*WRITE, "commands:door"),
    ]
    return [await server.api("POST", path, token=token) for token in tokens]


async def test_retry_and_release(server: LocalServer) -> None:
    """
    A command that somebody else gave opens no door again, and none that was held.
    """
    door = await server.enqueue(OPEN_DOOR)
    await server.services.held_commands.hold_all()

    refused, released = await again(server, f"/commands/{door['id']}/release")
    await server.api("DELETE", f"/commands/{door['id']}")
    refused_retry, retried = await again(server, f"/commands/{door['id']}/retry")

    assert (403, "forbidden", None) == refused.problem == refused_retry.problem
    assert (200, 201) == (released.status, retried.status)


@pytest.mark.parametrize("action", ["resume", "retry"])
@pytest.mark.parametrize("kind", ["tasks", "upgrades"])
async def test_tasks_of_others(server: LocalServer, kind: str, action: str) -> None:
    """
    A task that opens doors is taken up again by who may open them; anybody pauses it.
    """
    path, body = every_way(dict(OPEN_DOOR))[kind.removesuffix("s")]
    task = (await server.api("POST", path, body)).json()
    writer = await server.create_token(*WRITE)

    paused = await server.api("POST", f"/{kind}/{task['id']}/pause", token=writer)
    refused, done = await again(server, f"/{kind}/{task['id']}/{action}")

    assert 200 == paused.status
    assert (403, "forbidden", None) == refused.problem
    assert 200 == done.status
