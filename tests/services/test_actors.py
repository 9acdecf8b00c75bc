"""What the server does later is done in the name of whoever caused it."""

from typing import Any

import msgspec
import pytest

from pushserver.clock import SECOND
from pushserver.dialects.native import native_body
from pushserver.model.actor import NOBODY, SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.command import Command
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.retention import Retention
from pushserver.storage.audit import AuditFilter
from pushserver.storage.history import CommandFilter
from pushserver.storage.operations import OperationFilter
from tests.model.factories import DEVICE
from tests.model.operation_scenario import ACTOR
from tests.services.driver import ServiceDriver, command_requests, render_ids
from tests.services.operation_driver import OperationDriver

DAY = 86_400
OTHER = Actor(8, "other", "192.0.2.8", "r8")
DESIRED: Any = {"general": {"language": "pt_BR"}}
LATER: Any = {"general": {"language": "en_US"}}


async def commands(driver: ServiceDriver) -> list[Command]:
    """Return every command, oldest first."""
    records = await driver.services.store.commands(
        DEFAULT_SCOPE_ID, CommandFilter(), before=None, limit=100
    )
    return [record.command for record in records][::-1]


async def actions(driver: ServiceDriver) -> list[str]:
    """Return what the audit says was done with adopted devices, oldest first."""
    entries = await driver.services.store.audit.entries_after(
        DEFAULT_SCOPE_ID, AuditFilter(), after=0, limit=100
    )
    return [str(e.action) for e in entries if e.action != AuditAction.DEVICE_ADOPT]


async def test_a_reconciled_shadow(operation_driver: OperationDriver) -> None:
    """What a shadow sends later is created by who desired it last."""
    await operation_driver.adopt(DEVICE)
    patch = operation_driver.services.shadows.patch
    await patch(DEFAULT_SCOPE_ID, DEVICE, DESIRED, actor=ACTOR)
    await operation_driver.receive_command("u")
    await patch(DEFAULT_SCOPE_ID, DEVICE, LATER, actor=OTHER)
    await operation_driver.post_result(uuid="u")
    assert 1 == await operation_driver.services.due_services.reconcile_due()

    found = await commands(operation_driver)
    assert [ACTOR, OTHER] == [each.created_by for each in found]


async def test_a_replaced_write(operation_driver: OperationDriver) -> None:
    """A waiting write that newer values replace was canceled by who desired those."""
    await operation_driver.adopt(DEVICE)
    patch = operation_driver.services.shadows.patch
    await patch(DEFAULT_SCOPE_ID, DEVICE, DESIRED, actor=ACTOR)
    await patch(DEFAULT_SCOPE_ID, DEVICE, LATER, actor=OTHER)

    found = await commands(operation_driver)
    assert [OTHER, NOBODY] == [each.canceled_by for each in found]


async def test_steps_of_a_task(operation_driver: OperationDriver) -> None:
    """Each step's command has who made the task; what is canceled has who did that."""
    task = await operation_driver.adopt_and_create_task(
        "load_objects", devices=2, seen=2
    )
    await operation_driver.advance_tasks()
    await operation_driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id, OTHER)
    await operation_driver.advance_tasks()

    found = await commands(operation_driver)
    assert [(ACTOR, OTHER)] * 2 == [(c.created_by, c.canceled_by) for c in found]
    stored, _ = await operation_driver.services.tasks.get(DEFAULT_SCOPE_ID, task.id)
    assert (ACTOR, OTHER) == (stored.created_by, stored.canceled_by)
    assert ["task.create", "task.cancel"] == [
        each for each in await actions(operation_driver) if each != "command.create"
    ][-2:]


async def test_late_devices(operation_driver: OperationDriver) -> None:
    """What ends because its device does not come was canceled by the server."""
    task = await operation_driver.adopt_and_create_task(
        "load_objects", devices=1, seen=0
    )
    operation_driver.clock.tick(DAY + 1)
    await operation_driver.advance_tasks()

    (operation,) = await operation_driver.services.store.operations.operations(
        DEFAULT_SCOPE_ID, OperationFilter(task_id=task.id), before=None, limit=9
    )
    assert (ACTOR, SERVER) == (operation.created_by, operation.canceled_by)
    assert ["task.create"] == [
        each for each in await actions(operation_driver) if each.startswith("task")
    ]


async def test_withdrawn_and_answered(driver: ServiceDriver) -> None:
    """Whoever took a command back stays known when its result comes after all."""
    (command,) = await driver.enqueue("reboot")
    await driver.poll()
    withdraw = driver.services.withdrawals.withdraw
    record = await withdraw(DEFAULT_SCOPE_ID, command.id, OTHER)
    assert (True, OTHER) == (record.command.withdrawn, record.command.canceled_by)
    await driver.post_result()

    (answered,) = await commands(driver)
    assert ("SUCCESSFUL", OTHER) == (answered.state, answered.canceled_by)


async def test_superseded(driver: ServiceDriver) -> None:
    """What a newer command replaces was canceled by who enqueued that."""
    await driver.ensure_adopted()
    for actor in (ACTOR, OTHER):
        await driver.services.queue.enqueue(
            DEFAULT_SCOPE_ID,
            DEVICE,
            command_requests("load_objects", supersede_key="k"),
            render_ids,
            created_by=actor,
        )

    found = await commands(driver)
    assert [(ACTOR, OTHER), (OTHER, NOBODY)] == [
        (each.created_by, each.canceled_by) for each in found
    ]


async def test_in_events(driver: ServiceDriver) -> None:
    """The events of a command say who created it, and who took it back."""
    await driver.ensure_adopted()
    driver.services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(
        {EventType.COMMAND_STATUS}
    )
    await driver.services.queue.enqueue(
        DEFAULT_SCOPE_ID,
        DEVICE,
        command_requests("reboot"),
        render_ids,
        created_by=ACTOR,
    )
    (command,) = await commands(driver)
    await driver.services.withdrawals.withdraw(DEFAULT_SCOPE_ID, command.id, OTHER)
    events = await driver.services.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=0, limit=9
    )

    made, canceled = (
        msgspec.json.decode(
            native_body(event, None, device_id="1", include_result=False)
        )["data"]
        for event in events
    )
    by, by_other = {"tokenId": "7", "name": "tests"}, {"tokenId": "8", "name": "other"}
    assert (by, None) == (made["createdBy"], made.get("canceledBy"))
    assert (by, by_other) == (canceled["createdBy"], canceled["canceledBy"])


async def test_many_of_a_device(driver: ServiceDriver) -> None:
    """Commands of a device that are taken back together are one entry, with a count."""
    await driver.enqueue("reboot", "reboot", "reboot")
    await driver.services.withdrawals.withdraw_matching(
        DEFAULT_SCOPE_ID, CommandFilter(), is_dry_run=True, actor=OTHER
    )
    assert ["command.create"] * 3 == await actions(driver)
    await driver.services.withdrawals.withdraw_matching(
        DEFAULT_SCOPE_ID, CommandFilter(), is_dry_run=False, actor=OTHER
    )
    newest = driver.services.store.audit.newest_entries
    criteria = AuditFilter(action=AuditAction.COMMAND_CANCEL)

    (entry,) = await newest(DEFAULT_SCOPE_ID, criteria, limit=9)
    assert (OTHER, DEVICE, {"commands": 3}) == (
        entry.actor,
        entry.target_id,
        entry.detail,
    )


@pytest.mark.parametrize(("days", "kept"), [(365, 1), (365 + 1 / DAY, 0), (10**4, 0)])
async def test_kept_for_a_year(driver: ServiceDriver, days: float, kept: int) -> None:
    """
    An entry is kept for a year, also of a command that is purged after thirty days.
    """
    store, clock = driver.services.store.retention, driver.clock
    retention = Retention(store, clock, days=30, audit_days=365)
    await driver.enqueue("reboot", expires_in=SECOND)
    await driver.expire_overdue(2)
    clock.tick(31 * DAY - 2)
    await retention.purge_expired()
    assert ([], ["command.create"]) == (await commands(driver), await actions(driver))
    clock.tick(round((days - 31) * DAY))
    await retention.purge_expired()

    assert kept == len(await actions(driver))


async def test_kept_for_ever(driver: ServiceDriver) -> None:
    """Without a number of days, the audit is kept."""
    store, clock = driver.services.store.retention, driver.clock
    await driver.enqueue("reboot", expires_in=SECOND)
    await driver.expire_overdue(2)
    clock.tick(10_000 * DAY)
    await Retention(store, clock, days=1, audit_days=0).purge_expired()

    assert ([], ["command.create"]) == (await commands(driver), await actions(driver))
