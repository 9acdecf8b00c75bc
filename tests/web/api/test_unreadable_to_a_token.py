"""Without `results:read` a token sees no result, without `commands:read` no order."""

from typing import Any

import pytest

from pushserver.web.api import events
from tests.web.api.conftest import flush_last_seen
from tests.web.api.tasks import create_task
from tests.web.api.upgrades import create_upgrade
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer, Response

ANSWER = b'{"response": {"secret": "zoe"}}'
REFUSAL = b'{"error": "zoe is unknown", "code": 7}'
#: What is asked of a device by one program, and is none of another's business.
ORDER = {
    "endpoint": "load_objects",
    "body": {"object": "zoe"},
    "queryString": "who=zoe",
    "metadata": "zoe",
}


async def finished_command(server: LocalServer, body: bytes = ANSWER) -> str:
    """Let a device answer a command, and return its id."""
    command_id: str = (await server.enqueue(ORDER))["id"]
    await server.poll()
    await server.post_result(body)
    return command_id


async def read(server: LocalServer, path: str, *permissions: str) -> Response:
    """Read with a token that may do just this."""
    token = await server.create_token(*permissions)
    answer = await server.api("GET", path, token=token)
    assert 200 == answer.status, answer.body
    return answer


@pytest.mark.parametrize(
    "path",
    ["/commands/$", "/commands/$?wait=1", "/commands", f"/devices/{DEVICE}/commands"],
)
async def test_result_of_command(server: LocalServer, path: str) -> None:
    """
    A command shows its result to those who may read results, and to no others.
    """
    path = path.replace("$", await finished_command(server))

    without = await read(server, path, "commands:read")
    with_results = await read(server, path, "commands:read", "results:read")

    assert b'"result"' not in without.body
    assert b"SUCCESSFUL" in without.body
    assert b'"secret"' in with_results.body


async def test_result_that_was_waited_for(server: LocalServer) -> None:
    """
    An enqueue that waits for the outcome tells that it is over, not what was answered.
    """
    token = await server.create_token("commands:write", "devices:write")
    server.services.completion_waiters.close()
    headers = {"Prefer": "wait=1"}
    path = f"/devices/{DEVICE}/commands"
    await finished_command(server)

    created = await server.api("POST", path, ORDER, token=token, headers=headers)

    assert 201 == created.status
    assert "result" not in created.json()
    assert ORDER["body"] == created.json()["body"]


async def retried(server: LocalServer, token: str) -> Response:
    """Retry a command of somebody else."""
    await server.api("DELETE", f"/devices/{DEVICE}/commands")
    path = f"/commands/{await finished_command(server)}/retry"
    return await server.api("POST", path, token=token)


async def canceled(server: LocalServer, token: str) -> Response:
    """Cancel a command of somebody else."""
    command_id = (await server.enqueue(ORDER))["id"]
    return await server.api("DELETE", f"/commands/{command_id}", token=token)


async def released(server: LocalServer, token: str) -> Response:
    """Release a command of somebody else."""
    order = {**ORDER, "endpoint": "execute_actions"}
    command_id = (await server.enqueue(order))["id"]
    await server.services.held_commands.hold_all()
    return await server.api("POST", f"/commands/{command_id}/release", token=token)


@pytest.mark.parametrize("act", [retried, canceled, released])
async def test_order_of_somebody_else(server: LocalServer, act: Any) -> None:
    """
    Whoever may only write commands does not read what others ordered by changing it.
    """
    writer = await server.create_token("commands:write", "commands:door")
    reader = await server.create_token(
        "commands:write", "commands:door", "commands:read"
    )

    unseen, seen = await act(server, writer), await act(server, reader)

    assert (unseen.status, b"zoe") == (seen.status, b"zoe")
    assert b"zoe" not in unseen.body
    assert seen.body.count(b"zoe") == 3


async def test_shadow_of_somebody_else(server: LocalServer) -> None:
    """
    Whoever may only write commands sees of a shadow how it does, and no value.
    """
    await server.api(
        "PATCH", f"/devices/{DEVICE}/shadow", {"general": {"language": "zoe"}}
    )
    path, writer = (
        f"/devices/{DEVICE}/shadow",
        await server.create_token("commands:write"),
    )

    patched = await server.api("PATCH", path, {}, token=writer)
    refreshed = await server.api("POST", f"{path}/refresh", token=writer)

    assert (200, 201) == (patched.status, refreshed.status)
    assert {} == patched.json()["services"]["general"]["desired"]
    assert b"language" not in patched.body + refreshed.body


async def test_error_of_shadow(server: LocalServer) -> None:
    """
    What a device answered to the write of a shadow is shown to who may read results.
    """
    path = f"/devices/{DEVICE}/shadow"
    await server.api("PATCH", path, {"general": {"language": "x"}})
    await server.poll()
    await server.post_result(REFUSAL)

    without = await read(server, path, "commands:read")
    with_results = await read(server, path, "commands:read", "results:read")

    assert "failed" == without.json()["services"]["general"]["status"]
    assert b"zoe" not in without.body
    assert b"zoe is unknown" in with_results.body


async def test_error_of_upgrade(server: LocalServer) -> None:
    """
    So it is with an upgrade, and with the list of its devices.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    await flush_last_seen(server)
    upgrade = (await create_upgrade(server))["id"]
    await server.poll()
    await server.post_result(REFUSAL)

    for path in (f"/upgrades/{upgrade}", f"/upgrades/{upgrade}/devices"):
        without = await read(server, path, "operations:read")
        with_results = await read(server, path, "operations:read", "results:read")

        assert b"zoe" not in without.body
        assert b"zoe is unknown" in with_results.body


async def test_error_of_a_task(server: LocalServer) -> None:
    """
    So it is with a task, and with the list of its devices.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    await flush_last_seen(server)
    task = (await create_task(server, steps=[LOAD_USERS]))["id"]
    await server.poll()
    await server.post_result(REFUSAL)

    for path in (f"/tasks/{task}", f"/tasks/{task}/devices"):
        without = await read(server, path, "operations:read")
        with_results = await read(server, path, "operations:read", "results:read")

        assert b"zoe" not in without.body
        assert b"zoe is unknown" in with_results.body


async def test_result_without_its_key(server: LocalServer) -> None:
    """
    A result that came without the device's key is among its odd requests; what it says
    is shown to who may read results.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.api("POST", f"/devices/{DEVICE}/key", {"enforce": True})
    await server.post_result(ANSWER)

    without = await read(server, f"/devices/{DEVICE}", "devices:read")
    with_results = await read(
        server, f"/devices/{DEVICE}", "devices:read", "results:read"
    )

    (call,) = without.json()["unknownCalls"]["last"]
    assert f"/result?deviceId={DEVICE}" == call["path"]
    assert b"zoe" not in without.body
    assert ANSWER.decode() == with_results.json()["unknownCalls"]["last"][0]["body"]


async def test_operations_show_no_answer(server: LocalServer) -> None:
    """
    An operation and its notifications tell states alone, whatever a device answered.
    """
    request = {"deviceId": str(DEVICE), "steps": [LOAD_USERS]}
    operation = (await server.api("POST", "/operations", request)).json()["id"]
    await server.poll()
    await server.post_result(REFUSAL)

    shown = await read(server, f"/operations/{operation}", "operations:read")
    listed = await read(
        server, f"/operations/{operation}/notifications", "operations:read"
    )

    assert b"FAILED" in shown.body
    assert b"zoe" not in shown.body + listed.body


async def test_error_in_stream(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The stream tells that a command failed, and what was said to who may read that.
    """
    monkeypatch.setattr(events, "HEARTBEAT_INTERVAL", 0.02)
    path = "/events?events=command.status&events=shadow.status&lastEventId=1"
    await read(server, path, "events:read")
    await finished_command(server, REFUSAL)
    await server.api("PATCH", f"/devices/{DEVICE}/shadow", {"general": {"a": "x"}})
    await server.poll()
    await server.post_result(REFUSAL)

    without = await read(server, path, "events:read")
    with_results = await read(server, path, "events:read", "results:read")

    assert without.body.count(b'"FAILED"') == with_results.body.count(b'"FAILED"') > 1
    assert b"zoe" not in without.body
    assert b"zoe is unknown" in with_results.body


async def test_values_in_stream(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The stream has the values of a shadow for who may read commands.
    """
    monkeypatch.setattr(events, "HEARTBEAT_INTERVAL", 0.02)
    path = "/events?events=shadow.status&lastEventId=1"
    await read(server, path, "events:read")
    await server.api("PATCH", f"/devices/{DEVICE}/shadow", {"general": {"a": "zoe"}})
    await server.poll()
    await server.post_result(REFUSAL)

    without = await read(server, path, "events:read")
    with_commands = await read(server, path, "events:read", "commands:read")

    assert b'"FAILED"' in without.body
    assert b"zoe" not in without.body
    assert b'{"a":"zoe"}' in with_commands.body
