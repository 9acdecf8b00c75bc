"""Shadows through stops of the server, and their events."""

from collections.abc import Sequence
from typing import Any

import pytest

from pushserver.errors import NotFound, Unavailable
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.shadow import Service, WriteOutcome
from pushserver.protocols.controlid import configuration
from pushserver.services import shadow_tasks
from pushserver.services.shadow_tasks import (
    MAX_AT_ONCE,
    MAX_BYTES_AT_ONCE,
    piece_size,
)
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.operation_driver import OperationDriver, running_services

pytestmark = pytest.mark.scopes(2)

DESIRED: dict[str, Any] = {"general": {"language": "pt_BR"}}
OTHER: dict[str, Any] = {"general": {"language": "en_US"}}


async def set_desired(
    operation_driver: OperationDriver, desired: Any, **options: Any
) -> Sequence[Service]:
    """Say what is desired of the device."""
    patch = operation_driver.services.shadows.patch
    return await patch(DEFAULT_SCOPE_ID, DEVICE, desired, **options)


async def sync_statuses(operation_driver: OperationDriver) -> dict[str, str]:
    """Return how the device's services stand."""
    found = await operation_driver.services.shadows.get(DEFAULT_SCOPE_ID, DEVICE)
    return {s.service_id: str(s.sync_status(configuration.format_value)) for s in found}


async def test_stopped_after_every_word(database: str, clock: ManualClock) -> None:
    """
    A server that stops after each thing it does gets to the same end.
    """
    async with running_services(database, clock) as operation_driver:
        await operation_driver.adopt(DEVICE)
        await set_desired(operation_driver, DESIRED)
    async with running_services(database, clock) as operation_driver:
        assert {"general": "pending"} == await sync_statuses(operation_driver)
        await operation_driver.receive_command("u")
    async with running_services(database, clock) as operation_driver:
        await set_desired(operation_driver, OTHER)
    async with running_services(database, clock) as operation_driver:
        assert {"general": "pending"} == await sync_statuses(operation_driver)
        await operation_driver.post_result(uuid="u")
    async with running_services(database, clock) as operation_driver:
        assert 1 == await operation_driver.services.due_services.reconcile_due()
        assert 0 == await operation_driver.services.due_services.reconcile_due()
    async with running_services(database, clock) as operation_driver:
        assert "set_configuration" == await operation_driver.run_command()
        assert {"general": "delivered"} == await sync_statuses(operation_driver)
        assert await operation_driver.poll() is None


@pytest.mark.parametrize("late", [b'{"response":{}}', b'{"error":"no"}'])
async def test_late_result_after_a_restart(
    database: str, clock: ManualClock, late: bytes
) -> None:
    """
    A late result finds its service in the file.
    """
    async with running_services(database, clock) as operation_driver:
        await operation_driver.adopt(DEVICE)
        await set_desired(operation_driver, DESIRED)
        await operation_driver.receive_command("u")
        # Beyond the life of the command: it is given up, and not handed out again.
        await operation_driver.expire_overdue(200_000)
        assert {"general": "failed"} == await sync_statuses(operation_driver)

    async with running_services(database, clock) as operation_driver:
        await operation_driver.post_result(late, uuid="u")

        expected = "failed" if b"error" in late else "delivered"
        assert {"general": expected} == await sync_statuses(operation_driver)


async def test_late_result_of_an_older_command(
    operation_driver: OperationDriver,
) -> None:
    """
    A late result of a command that is not the service's any more changes nothing.
    """
    await operation_driver.adopt(DEVICE)
    await set_desired(operation_driver, DESIRED)
    await operation_driver.receive_command("u")
    await operation_driver.expire_overdue(200_000)
    await set_desired(operation_driver, OTHER)

    await operation_driver.post_result(uuid="u")

    (service,) = await operation_driver.services.shadows.get(DEFAULT_SCOPE_ID, DEVICE)
    assert ({}, True) == (service.reported, service.is_writing)


async def test_late_result_while_it_is_read(operation_driver: OperationDriver) -> None:
    """
    A late result and a waiting refresh are about one and the same service.
    """
    await operation_driver.adopt(DEVICE)
    await set_desired(operation_driver, DESIRED)
    await operation_driver.receive_command("u")
    await operation_driver.expire_overdue(200_000)
    shadows = operation_driver.services.shadows
    await shadows.queue_reads(DEFAULT_SCOPE_ID, DEVICE, {}, lambda _: b"")

    await operation_driver.post_result(uuid="u")
    await operation_driver.receive_command("v")
    await operation_driver.post_result(
        b'{"response":{"general":{"language":"x"}}}', uuid="v"
    )

    (service,) = await shadows.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (WriteOutcome.DELIVERED, {"language": "x"}) == (
        service.write_outcome,
        service.reported,
    )


async def test_deleted_while_in_flight(operation_driver: OperationDriver) -> None:
    """
    A device that comes back has a new shadow, which an old command does not affect.
    """
    await operation_driver.adopt(DEVICE)
    await set_desired(operation_driver, DESIRED)
    await operation_driver.receive_command("u")
    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    await operation_driver.adopt(DEVICE)

    (service,) = await set_desired(operation_driver, OTHER)
    await operation_driver.post_result(uuid="u")

    (shadow,) = await operation_driver.services.shadows.get(DEFAULT_SCOPE_ID, DEVICE)
    assert (1, {}, True) == (
        service.desired_version,
        shadow.reported,
        shadow.is_writing,
    )


async def test_wakeup(operation_driver: OperationDriver) -> None:
    """
    The worker is called when a service is to be compared again, and only then.
    """
    due_services = operation_driver.services.due_services
    await operation_driver.adopt(DEVICE)
    await set_desired(operation_driver, DESIRED)
    await operation_driver.receive_command()
    assert not due_services.wakeup.is_set()
    await set_desired(operation_driver, OTHER)
    await operation_driver.post_result()

    assert due_services.wakeup.is_set()
    assert 1 == await due_services.reconcile_due()
    assert not due_services.wakeup.is_set()


async def test_many_pieces(operation_driver: OperationDriver) -> None:
    """
    Of more devices than a batch holds, each is sent what is desired.
    """
    devices = range(1, MAX_AT_ONCE + 3)
    await operation_driver.adopt(*devices)

    await operation_driver.services.task_creator.shadow_tasks.set_desired_all(
        DEFAULT_SCOPE_ID, DESIRED, devices
    )

    for device in (devices[0], devices[-1]):
        (service,) = await operation_driver.services.shadows.get(
            DEFAULT_SCOPE_ID, device
        )
        assert (DESIRED["general"], True) == (service.desired, service.awaits_step)
    assert 0 == await operation_driver.services.due_services.reconcile_due()


def test_size_of_a_piece() -> None:
    """
    The longer what is desired is, the fewer devices are changed at once.
    """
    spare = len('{"a":{"b":""}}')
    third: Any = {"a": {"b": "x" * (MAX_BYTES_AT_ONCE // 3 - spare)}}
    longer: Any = {"a": {"b": "x" * (MAX_BYTES_AT_ONCE // 3 - spare + 1)}}
    longest: Any = {"a": {"b": "x" * MAX_BYTES_AT_ONCE}}

    assert [MAX_AT_ONCE, 3, 2, 1] == [
        piece_size(each) for each in (DESIRED, third, longer, longest)
    ]


async def test_stopped_between_pieces(
    operation_driver: OperationDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A stop of the server ends a change of many shadows before its next piece.
    """
    monkeypatch.setattr(shadow_tasks, "MAX_AT_ONCE", 1)
    services, both = operation_driver.services, [DEVICE, DEVICE + 1]
    for device in both:
        await operation_driver.adopt(device)
    services.store.prepare_to_close()

    with pytest.raises(Unavailable, match="stopping"):
        await services.task_creator.shadow_tasks.set_desired_all(
            DEFAULT_SCOPE_ID, DESIRED, both
        )

    shadows = [await services.shadows.get(DEFAULT_SCOPE_ID, each) for each in both]
    assert [1, 0] == list(map(len, shadows))


async def test_many_lapsed(operation_driver: OperationDriver) -> None:
    """
    Expired commands are made again on each device that came back.
    """
    for device in (1, 2, 3):
        await operation_driver.adopt(device)
        patch = operation_driver.services.shadows.patch
        await patch(DEFAULT_SCOPE_ID, device, DESIRED, expires_in=1_000_000)
    await operation_driver.expire_overdue(2)
    await operation_driver.see_devices(1, 3)

    assert 2 == await operation_driver.services.due_services.reconcile_due()
    assert [1, 0, 1] == [
        len(lane.waiting)
        if (lane := operation_driver.services.store.cached_lane(device))
        else 0
        for device in (1, 2, 3)
    ]


async def test_nobodys_device(operation_driver: OperationDriver) -> None:
    """
    A device that is not known has no shadow.
    """
    with pytest.raises(NotFound):
        await operation_driver.services.shadows.get(DEFAULT_SCOPE_ID, 99)


async def test_taken_over(operation_driver: OperationDriver) -> None:
    """
    A device that is adopted from another scope brings nothing of its shadow.
    """
    await operation_driver.adopt(DEVICE)
    await set_desired(operation_driver, DESIRED)
    await operation_driver.receive_command("u")
    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    other = DEFAULT_SCOPE_ID + 1
    await operation_driver.services.fleet.adopt(other, terminal(DEVICE))
    patch = operation_driver.services.shadows.patch
    mine: Any = {"general": {"beep": 1}}

    (service,) = await patch(other, DEVICE, mine)
    await operation_driver.post_result(uuid="u")

    (shadow,) = await operation_driver.services.shadows.get(other, DEVICE)
    assert (1, {"beep": 1}, {}) == (
        service.desired_version,
        shadow.desired,
        shadow.reported,
    )
