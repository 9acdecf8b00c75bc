"""Shadows of many devices: what is desired is there at once, and sent by a task."""

import asyncio
from typing import Any

import pytest

from pushserver.services import shadow_tasks
from pushserver.services.shadow_tasks import MAX_WAITING
from tests.web.api.audit_log import audit
from tests.web.api.shadows import get_services, run_command, set_desired
from tests.web.api.tasks import get_task, task_counts
from tests.web.local_server import DEVICE, LocalServer, wait_until

DESIRED = {"general": {"language": "pt_BR"}, "ntp": {"enabled": True}}


async def post_desired(server: LocalServer, **fields: Any) -> Any:
    """Say what is desired of all devices."""
    body = {"targets": {"all": True}, "desired": DESIRED, **fields}
    answer = await server.api("PATCH", "/shadows", body)
    assert answer.status in (200, 201), answer.body
    return answer


async def create_shadow_task(server: LocalServer, **fields: Any) -> dict[str, Any]:
    """Say what is desired of all devices; the task begins."""
    task: dict[str, Any] = (await post_desired(server, **fields)).json()
    await server.services.task_scheduler.advance()
    return task


async def service_statuses(server: LocalServer, device: int) -> dict[str, Any]:
    """Return how a device's services stand."""
    answer = await server.api("GET", f"/devices/{device}/shadow")
    services = answer.json()["services"]
    return {name: one["status"] for name, one in services.items()}


async def test_task(server_with_devices: LocalServer) -> None:
    """
    Each device that is online is sent one service after the other, and the task counts.
    """
    task = await create_shadow_task(server_with_devices)

    for device in (1, 2):
        assert [{"general": {"language": "pt_BR"}}, {"ntp": {"enabled": "1"}}] == [
            await run_command(server_with_devices, device=device),
            await run_command(server_with_devices, device=device),
        ]
        assert {"general": "delivered", "ntp": "delivered"} == await service_statuses(
            server_with_devices, device
        )
    assert (2, 2, 0, 0, 2) == task_counts(await get_task(server_with_devices, task))


async def test_desired_at_once(server_with_devices: LocalServer) -> None:
    """
    What is desired of a device that is away is there, and pending; nothing waits.
    """
    await create_shadow_task(server_with_devices)

    assert {"general": "pending", "ntp": "pending"} == await service_statuses(
        server_with_devices, 3
    )
    pending = await server_with_devices.api("GET", "/devices/3/commands")
    assert [] == pending.json()["items"]


async def test_dry_run(server_with_devices: LocalServer) -> None:
    """
    A dry run shows which devices would be affected, and changes nothing.
    """
    answer = await post_desired(server_with_devices, dryRun=True)

    assert (200, 4) == (answer.status, answer.json()["devices"])
    assert {} == await service_statuses(server_with_devices, 1)


async def test_failure(server_with_devices: LocalServer) -> None:
    """
    A service that a device refuses stops no other, and the operation has failed.
    """
    task = await create_shadow_task(server_with_devices, targets={"deviceIds": [1]})

    await run_command(server_with_devices, b'{"error":"no"}', device=1)
    await run_command(server_with_devices, device=1)

    assert {"general": "failed", "ntp": "delivered"} == await service_statuses(
        server_with_devices, 1
    )
    assert (0, 0, 1, 0, 0) == task_counts(await get_task(server_with_devices, task))


async def test_nothing_differs(server_with_devices: LocalServer) -> None:
    """
    A device that has it all is sent it once more, so that the task can count it.
    """
    await create_shadow_task(server_with_devices, targets={"deviceIds": [1]})
    await run_command(server_with_devices, device=1)
    await run_command(server_with_devices, device=1)

    task = await create_shadow_task(server_with_devices, targets={"deviceIds": [1]})

    assert {"general": {"language": "pt_BR"}} == await run_command(
        server_with_devices, device=1
    )
    assert {"ntp": {"enabled": "1"}} == await run_command(server_with_devices, device=1)
    assert (0, 1, 0, 0, 0) == task_counts(await get_task(server_with_devices, task))


async def test_newer_value_first(server_with_devices: LocalServer) -> None:
    """
    A newer value, sent before the step's turn, is what the step confirms.
    """
    await server_with_devices.api("PUT", f"/devices/{DEVICE}", {})
    await post_desired(server_with_devices, targets={"deviceIds": [str(DEVICE)]})
    await set_desired(server_with_devices, {"general": {"language": "es_SP"}})
    assert {"general": {"language": "es_SP"}} == await run_command(server_with_devices)

    await server_with_devices.poll()
    while not server_with_devices.services.write_behind.is_flushed:
        await server_with_devices.services.write_behind.flush()
    await server_with_devices.services.task_scheduler.advance()

    assert {"general": {"language": "es_SP"}} == await run_command(server_with_devices)
    assert {"ntp": {"enabled": "1"}} == await run_command(server_with_devices)


async def test_newer_value_replaces_the_step(server_with_devices: LocalServer) -> None:
    """
    A newer value replaces the step's queued command, and the operation says so.
    """
    await server_with_devices.api("PUT", f"/devices/{DEVICE}", {})
    await server_with_devices.poll()
    while not server_with_devices.services.write_behind.is_flushed:
        await server_with_devices.services.write_behind.flush()
    task = await create_shadow_task(
        server_with_devices, targets={"deviceIds": [str(DEVICE)]}
    )

    await set_desired(server_with_devices, {"general": {"language": "es_SP"}})
    await server_with_devices.services.next_steps.queue_due_steps()

    assert {"general": {"language": "es_SP"}} == await run_command(server_with_devices)
    assert {"ntp": {"enabled": "1"}} == await run_command(server_with_devices)
    assert (0, 0, 1, 0, 0) == task_counts(await get_task(server_with_devices, task))


async def test_step_waits_for_what_is_in_flight(
    server_with_devices: LocalServer,
) -> None:
    """
    While another write of the service is with the device, the step waits its turn.
    """
    await set_desired(server_with_devices, {"general": {"language": "en_US"}})
    await server_with_devices.poll()
    while not server_with_devices.services.write_behind.is_flushed:
        await server_with_devices.services.write_behind.flush()
    task = await create_shadow_task(
        server_with_devices, targets={"deviceIds": [str(DEVICE)]}
    )
    assert (1, 0, 0, 0, 1) == task_counts(await get_task(server_with_devices, task))

    await server_with_devices.post_result(b'{"response":{}}')
    await server_with_devices.services.due_services.reconcile_due()
    await server_with_devices.services.task_scheduler.advance()

    assert {"general": {"language": "pt_BR"}} == await run_command(server_with_devices)
    assert {"ntp": {"enabled": "1"}} == await run_command(server_with_devices)
    assert (0, 1, 0, 0, 0) == task_counts(await get_task(server_with_devices, task))


async def test_one_is_full(server_with_devices: LocalServer) -> None:
    """
    A device that cannot take it is named, and no task is made.
    """
    full = {f"s{n}": {"a": 1} for n in range(64)}
    assert (
        200
        == (await server_with_devices.api("PATCH", "/devices/3/shadow", full)).status
    )
    body = {"targets": {"all": True}, "desired": DESIRED}

    answer = await server_with_devices.api("PATCH", "/shadows", body)
    await server_with_devices.services.task_scheduler.advance()

    assert (422, "invalid", "/targets") == answer.problem
    assert "Device 3" in answer.json()["detail"]
    assert [] == (await server_with_devices.api("GET", "/tasks")).json()["items"]


async def test_retried(server_with_devices: LocalServer) -> None:
    """
    What failed is tried again with the task, and nothing else.
    """
    task = await create_shadow_task(server_with_devices, targets={"deviceIds": [1]})
    await run_command(server_with_devices, b'{"error":"no"}', device=1)
    await run_command(server_with_devices, device=1)

    await server_with_devices.api("POST", f"/tasks/{task['id']}/retry")
    await server_with_devices.services.task_scheduler.advance()
    await run_command(server_with_devices, device=1)
    await run_command(server_with_devices, device=1)

    assert {"general": "delivered", "ntp": "delivered"} == await service_statuses(
        server_with_devices, 1
    )
    assert (0, 1, 0, 0, 0) == task_counts(await get_task(server_with_devices, task))


async def test_canceled(server_with_devices: LocalServer) -> None:
    """
    When the task is canceled, what is desired stays, and is sent when it is named.
    """
    task = await create_shadow_task(server_with_devices, targets={"deviceIds": [3]})
    await server_with_devices.api("POST", f"/tasks/{task['id']}/cancel")
    assert {"general": "pending", "ntp": "pending"} == await service_statuses(
        server_with_devices, 3
    )

    await server_with_devices.api("PATCH", "/devices/3/shadow", {"general": {}})

    assert {"general": {"language": "pt_BR"}} == await run_command(
        server_with_devices, device=3
    )
    assert {"general": "delivered", "ntp": "pending"} == await service_statuses(
        server_with_devices, 3
    )


async def test_replayed(server_with_devices: LocalServer) -> None:
    """
    The same request under the same key gets the same answer, and makes nothing.
    """
    key = {"Idempotency-Key": "k"}
    body = {"targets": {"deviceIds": [1]}, "desired": DESIRED}
    one = await server_with_devices.api("PATCH", "/shadows", body, headers=key)
    other = await server_with_devices.api("PATCH", "/shadows", body, headers=key)

    assert (201, 201, one.body) == (one.status, other.status, other.body)
    assert "true" == other.headers["Idempotency-Replayed"]
    assert 1 == len((await server_with_devices.api("GET", "/tasks")).json()["items"])


async def test_unchanged_elsewhere(server_with_devices: LocalServer) -> None:
    """
    What was desired of other services, and other properties, stays.
    """
    await set_desired(
        server_with_devices, {"general": {"beep": 1}, "alarm": {"siren": 0}}
    )

    await post_desired(server_with_devices, targets={"deviceIds": [str(DEVICE)]})

    desired = {
        name: one["desired"]
        for name, one in (await get_services(server_with_devices)).items()
    }
    assert {
        "general": {"beep": 1, "language": "pt_BR"},
        "ntp": {"enabled": True},
        "alarm": {"siren": 0},
    } == desired


async def test_audit_of_a_part(server_with_devices: LocalServer) -> None:
    """
    If one device cannot take it, the audit has those that were changed before.
    """
    full = {f"s{n}": {"p": 1} for n in range(64)}
    await server_with_devices.api("PATCH", "/devices/3/shadow", full)
    before = await audit(server_with_devices, "action=shadow.change")

    body = {"targets": {"all": True}, "desired": DESIRED}
    answer = await server_with_devices.api("PATCH", "/shadows", body)

    entries = await audit(server_with_devices, "action=shadow.change")
    new = [entry for entry in entries if entry not in before]
    assert 422 == answer.status
    assert {"1", "2", "4"} == {entry["deviceId"] for entry in new}
    assert [{"services": "general ntp"}] * 3 == [entry["detail"] for entry in new]


async def test_many_at_once(
    server_with_devices: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One call for many devices works at a time, a few wait, and the others are told to
    come again. Those for few need not wait.
    """
    server = server_with_devices
    monkeypatch.setattr(shadow_tasks, "MAX_AT_ONCE", 2)
    body = {"targets": {"deviceIds": [1, 2, 3]}, "desired": DESIRED}
    turn = server.services.task_creator.shadow_tasks.turn({"a": {}}, 3)
    async with asyncio.TaskGroup() as group, turn:
        calls = [
            group.create_task(server.api("PATCH", "/shadows", body))
            for _ in range(MAX_WAITING + 1)
        ]
        await wait_until(lambda: any(each.done() for each in calls))
        small = await post_desired(server, targets={"deviceIds": [1, 2]})

    assert 201 == small.status
    answers = [each.result() for each in calls]
    assert [201] * MAX_WAITING + [503] == sorted(each.status for each in answers)
    assert 1 == sum("Retry-After" in each.headers for each in answers)
