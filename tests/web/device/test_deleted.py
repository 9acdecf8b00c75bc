"""A device's identity ends when it is deleted; what it still posts counts."""

import asyncio
from typing import Any

import pytest

from pushserver.model.device import DeviceKeys
from tests.web.api.operations import STEP, create_operation, get_operation
from tests.web.api.shadows import DESIRED, get_services, set_desired
from tests.web.api.tasks import get_task, post_task
from tests.web.local_server import DEVICE, OPEN_DOOR, LocalServer

QUERY = f"deviceId={DEVICE}"
PATH = f"/devices/{DEVICE}"
DESTROY = {"endpoint": "destroy_objects", "body": {"object": "users"}}


async def recreate(server: LocalServer) -> None:
    """Delete the device, and create another one under its id."""
    assert 204 == (await server.api("DELETE", PATH)).status
    assert 201 == (await server.api("PUT", PATH, {})).status


async def state_of(server: LocalServer, command: dict[str, Any]) -> str:
    """Return the state of a command."""
    state: str = (await server.get_command(command["id"]))["state"]
    return state


@pytest.mark.parametrize("uuid", ["&uuid=u1", ""])
async def test_nothing_is_given_again(server: LocalServer, uuid: str) -> None:
    """
    What the old device was given and did not answer is not given to its successor,
    whose own commands wait for nothing of it.
    """
    command = await server.enqueue(DESTROY)
    await server.poll(QUERY + uuid)
    await recreate(server)
    server.clock.tick(seconds=60)

    assert (await server.poll(QUERY)).is_empty
    shown = await server.get_command(command["id"])
    assert ("TIMEOUT", True, 1) == (
        shown["state"],
        shown["withdrawn"],
        shown["attempts"],
    )
    assert ["noAnswer"] == [each["outcome"] for each in shown["deliveries"]]
    await server.enqueue(DESTROY)
    assert "destroy_objects" == (await server.poll(QUERY)).json()["endpoint"]


async def test_given_up_before(server: LocalServer) -> None:
    """
    A successor's result without a uuid does not end what its predecessor was given,
    and an endpoint that waited for the predecessor's is free.
    """
    command = await server.enqueue({**OPEN_DOOR, "responseTimeout": 60})
    await server.poll(QUERY)
    server.clock.tick(seconds=10)
    await server.poll(QUERY)
    await recreate(server)
    own = await server.enqueue(OPEN_DOOR)

    assert "execute_actions" == (await server.poll(QUERY)).json()["endpoint"]
    await server.post_result(query=QUERY)
    await server.post_result(query=QUERY)
    assert "SUCCESSFUL" == await state_of(server, own)
    assert "TIMEOUT" == await state_of(server, command)


async def test_free_after_a_restart(server: LocalServer) -> None:
    """
    The endpoint is also free if the lane is read from the store again.
    """
    await server.enqueue({**OPEN_DOOR, "responseTimeout": 60})
    await server.poll(QUERY)
    await recreate(server)
    store: Any = server.services.store
    if hasattr(store, "lanes"):
        store.lanes.stale_devices.add(DEVICE)

    await server.enqueue(OPEN_DOOR)

    assert "execute_actions" == (await server.poll(QUERY)).json()["endpoint"]


async def test_operation_ends(server: LocalServer) -> None:
    """
    An operation ends with its device: neither its step nor the next one is given out.
    """
    await server.api("PUT", PATH, {})
    operation = await create_operation(
        server, STEP, dict(OPEN_DOOR), onFailure="continue"
    )
    await server.poll(QUERY)
    await recreate(server)
    await server.services.next_steps.queue_due_steps()
    server.clock.tick(seconds=60)

    assert (await server.poll(QUERY)).is_empty
    assert "STALE" == (await get_operation(server, operation))["status"]
    waiting = await server.api("GET", "/commands?state=PENDING")
    assert [] == waiting.json()["items"]


async def test_shadow_ends(server: LocalServer) -> None:
    """
    What was desired of the old device is not written to its successor.
    """
    await server.api("PUT", PATH, {})
    await set_desired(server, DESIRED)
    await server.poll(f"{QUERY}&uuid=u1")
    await set_desired(server, {"ntp": {"enabled": True}})
    await recreate(server)
    await server.services.due_services.reconcile_due()
    server.clock.tick(seconds=60)

    assert (await server.poll(QUERY)).is_empty
    assert not await get_services(server)


async def test_task_counts_it(server: LocalServer) -> None:
    """
    A task counts the operation of a deleted device, begun or not, and ends.
    """
    await server.api("PUT", PATH, {})
    task = (await post_task(server)).json()
    await recreate(server)
    await server.poll(QUERY)
    await server.services.write_behind.flush()
    await server.services.task_scheduler.advance()

    assert (await server.poll(QUERY)).is_empty
    shown = await get_task(server, task)
    assert ("COMPLETED", 1) == (shown["state"], shown["counts"]["FAILED"])


@pytest.mark.parametrize("life", ["unknown", "quarantined", "recreated", "moved"])
@pytest.mark.parametrize(
    ("body", "state"),
    [(b'{"response":{}}', "SUCCESSFUL"), (b'{"error":"x"}', "FAILED")],
)
async def test_late_result(
    server: LocalServer, life: str, body: bytes, state: str
) -> None:
    """
    A result with the uuid of a delivery ends its command, whatever its device is now,
    and belongs to the scope of the command.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    await server.api("DELETE", PATH)
    if life == "quarantined":
        await server.poll(QUERY)
    elif life == "recreated":
        await server.api("PUT", PATH, {})
    elif life == "moved":
        scope = (await server.api("POST", "/scopes", {"name": "other"})).json()
        await server.api("PUT", PATH, {}, token=scope["token"])

    answer = await server.post_result(body, f"{QUERY}&uuid=u1")

    assert answer.is_empty
    assert state == await state_of(server, command)
    assert [command["id"]] == [
        each["commandId"] for each in await server.list_results()
    ]


async def test_stranger(server: LocalServer) -> None:
    """
    Without the uuid of an open delivery nothing of an unknown device is stored.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    await server.api("DELETE", PATH)
    for query in (QUERY, f"{QUERY}&uuid=u2", f"deviceId={DEVICE + 1}&uuid=u1"):
        assert (await server.post_result(query=query)).is_empty
    assert [] == await server.list_results()
    assert "TIMEOUT" == await state_of(server, command)

    for _ in range(3):
        await server.post_result(query=f"{QUERY}&uuid=u1")

    assert 1 == len(await server.list_results())


async def test_key_is_not_bypassed(server: LocalServer) -> None:
    """
    A device that has a key has to show it, also for what it was given before.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    await recreate(server)
    key = (await server.api("POST", f"{PATH}/key", {"enforce": True})).json()["key"]

    for path in ("/result", "/d/wrong/result"):
        await server.post_result(query=f"{QUERY}&uuid=u1", path=path)
    assert "TIMEOUT" == await state_of(server, command)

    await server.post_result(query=f"{QUERY}&uuid=u1", path=f"/d/{key}/result")
    assert "SUCCESSFUL" == await state_of(server, command)


async def test_keys_required(server: LocalServer) -> None:
    """
    Where every device needs a key, one that was deleted has none to show.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    server.services.admission.key_policy = DeviceKeys.REQUIRED
    await recreate(server)

    await server.post_result(query=f"{QUERY}&uuid=u1")

    assert "SUCCESSFUL" == await state_of(server, command)


async def test_held_poll(server: LocalServer) -> None:
    """
    A poll that is held is answered empty, and never with a successor's command.
    """
    await server.api("PUT", PATH, {"hold": 20})
    polling = asyncio.create_task(server.poll(QUERY))
    await server.wait_for_held_polls(1)
    await recreate(server)
    command = await server.enqueue(OPEN_DOOR)

    async with asyncio.timeout(15):
        assert (await polling).is_empty
    assert "PENDING" == await state_of(server, command)
