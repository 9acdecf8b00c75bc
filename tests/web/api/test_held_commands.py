"""Held commands over the API: seen, listed, released, canceled."""

import pytest

from tests.web.local_server import DEVICE, LOAD_USERS, OPEN_DOOR, LocalServer


async def hold(server: LocalServer) -> str:
    """Enqueue a door and users; hold what a restore would; return the door's id."""
    door = await server.enqueue(OPEN_DOOR)
    await server.enqueue(LOAD_USERS)
    await server.services.held_commands.hold_all()
    return str(door["id"])


async def listed(server: LocalServer, query: str) -> list[str]:
    """Return the endpoints of the commands that a list has."""
    answer = await server.api("GET", f"/commands?{query}")
    assert 200 == answer.status, answer.body
    return [item["endpoint"] for item in answer.json()["items"]]


async def test_shown(server: LocalServer) -> None:
    """
    A held command says so, and lists can ask for it.
    """
    door_id = await hold(server)

    assert (await server.get_command(door_id))["held"] is True
    assert ["execute_actions"] == await listed(server, "held=true")
    assert ["load_objects"] == await listed(server, "held=false")
    for extra in (f"deviceId={DEVICE}", "state=PENDING", "endpoint=execute_actions"):
        assert ["execute_actions"] == await listed(server, f"held=true&{extra}")


async def test_released(server: LocalServer) -> None:
    """
    A released command is handed out; a second release is refused.
    """
    door_id = await hold(server)

    released = await server.api("POST", f"/commands/{door_id}/release")
    again = await server.api("POST", f"/commands/{door_id}/release")

    assert (200, door_id) == (released.status, released.json()["id"])
    assert "held" not in released.json()
    assert (409, "conflict", None) == again.problem
    assert b"execute_actions" in (await server.poll()).body


async def test_canceled(server: LocalServer) -> None:
    """
    A held command can be canceled instead.
    """
    door_id = await hold(server)

    canceled = await server.api("DELETE", f"/commands/{door_id}")

    assert "CANCELED" == canceled.json()["state"]
    assert [] == await listed(server, "held=true")


@pytest.mark.parametrize(
    ("command_id", "status"), [("7", 404), ("x", 422), ("9" * 19, 422)]
)
async def test_refused(server: LocalServer, command_id: str, status: int) -> None:
    """
    A command that is not there is not released.
    """
    answer = await server.api("POST", f"/commands/{command_id}/release")

    assert status == answer.status
