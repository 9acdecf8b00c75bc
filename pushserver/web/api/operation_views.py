"""Operations, notifications and tasks as programs read them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pushserver.clock import rfc3339
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest
from pushserver.model.operation import (
    Notification,
    Operation,
    OperationDescriptor,
)
from pushserver.model.target import TargetDevice
from pushserver.model.task import OperationCounts, Task
from pushserver.model.token import Permission, Token
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.task_failures import explain_failure
from pushserver.storage.operations import StepRecord
from pushserver.storage.tasks import TaskOperation
from pushserver.web.api.operation_types import NotificationOut, OperationOut, StepOut
from pushserver.web.api.rendering import optional_instant, render
from pushserver.web.api.task_types import (
    DeviceFailureOut,
    DeviceTaskOut,
    DryRunDeviceOut,
    DryRunOut,
    OperationCountsOut,
    TaskOut,
)

#: A dry run tells of this many devices when to expect them.
MAX_DRY_RUN_ITEMS = 1000


def operation_out(
    protocols: DeviceProtocols,
    operation: Operation,
    steps: list[StepOut] | UnsetType = UNSET,
) -> OperationOut:
    """Render an operation."""
    return render(
        OperationOut,
        operation,
        device_id=protocols.display_id(operation.device_id),
        **_descriptor_fields(operation.descriptor),
        steps_done=operation.done_steps,
        canceled=operation.canceled or UNSET,
        retried=operation.retried or UNSET,
        steps=steps,
    )


def created_operation_out(
    protocols: DeviceProtocols,
    operation: Operation,
    requests: Sequence[CommandRequest],
    first_command: Command | None,
) -> OperationOut:
    """Render an operation that has just begun, and the command of its first step."""
    steps = [_step_out(request) for request in requests]
    if first_command is not None:
        steps[0].command_id, steps[0].state = str(first_command.id), first_command.state
    return operation_out(protocols, operation, steps)


def steps_out(records: Iterable[StepRecord]) -> list[StepOut]:
    """Render steps and the state of their commands."""
    steps = []
    for record in records:
        step = _step_out(record.step.request)
        if record.command_id is not None:
            step.command_id, step.state = str(record.command_id), record.state
        steps.append(step)
    return steps


def _step_out(request: CommandRequest) -> StepOut:
    return render(StepOut, request.order, resource=request.resource)


def notification_out(notification: Notification) -> NotificationOut:
    """Render a notification."""
    return render(
        NotificationOut,
        notification,
        created_on=rfc3339(notification.created_at),
        sent_on=rfc3339(notification.sent_at),
    )


def task_out(
    task: Task,
    counts: OperationCounts,
    failures: list[DeviceFailureOut] | UnsetType = UNSET,
) -> TaskOut:
    """Render a task."""
    return render(
        TaskOut,
        task,
        **_descriptor_fields(task.descriptor),
        **progress_fields(task, counts),
        failures=failures,
    )


def device_task_out(
    protocols: DeviceProtocols, reader: Token, task_operation: TaskOperation
) -> DeviceTaskOut:
    """
    Render how far a task is on one device.

    An error is mostly what the device answered: only who may read results sees it.
    """
    operation = task_operation.operation
    code = error = None
    if reader.has_permission(Permission.RESULTS_READ):
        code, error = explain_failure(protocols, task_operation)
    return render(
        DeviceTaskOut,
        operation,
        device_id=protocols.display_id(operation.device_id),
        sub_operation_id=str(operation.id),
        steps_done=operation.done_steps,
        error_code=code,
        error=error,
    )


def progress_fields(task: Task, counts: OperationCounts) -> dict[str, Any]:
    """Return how far a task or an upgrade is; what waits counts as RUNNING, too."""
    limit = task.stop_after
    return {
        "devices": counts.total,
        "waiting": counts.waiting,
        "counts": OperationCountsOut(
            RUNNING=counts.waiting + counts.running,
            COMPLETED=counts.completed,
            FAILED=counts.failed,
            STALE=counts.stale,
        ),
        "done": round(counts.finished / max(1, counts.total), 4),
        "stop_after_failures": limit
        and (str(limit) if limit.percent else int(limit.value)),
    }


async def dry_run_out(
    protocols: DeviceProtocols,
    target_devices: AsyncIterator[TargetDevice],
    *,
    shows_devices: bool,
) -> DryRunOut:
    """
    Render which devices it would be for, and when to expect the first of them.

    `shows_devices`: also what they are called, and when they polled last.
    """
    ids, items, count, online = bytearray(), list[DryRunDeviceOut](), 0, 0
    async for each in target_devices:
        shown_id = protocols.display_id(each.device.device_id)
        # There may be 100,000, which would take long to encode at once.
        ids += b"," * bool(ids) + msgspec.json.encode(shown_id)
        count += 1
        online += each.online
        if len(items) < MAX_DRY_RUN_ITEMS:
            items.append(_dry_run_device(each, shown_id, shows_devices))
    return render(
        DryRunOut,
        None,
        dry_run=True,
        devices=count,
        online=online,
        device_ids=msgspec.Raw(b"[%s]" % ids),
        items=items,
    )


def _dry_run_device(
    target: TargetDevice, shown_id: str, shows_device: bool
) -> DryRunDeviceOut:
    return render(
        DryRunDeviceOut,
        target.device if shows_device else None,
        device_id=shown_id,
        online=target.online,
        expected_at=optional_instant(target.next_poll_at),
    )


def _descriptor_fields(descriptor: OperationDescriptor) -> dict[str, Any]:
    properties = descriptor.properties
    return {
        "resource": descriptor.resource,
        "action": descriptor.action,
        "app_id": descriptor.app_id,
        "properties": UNSET
        if properties is None
        else msgspec.json.decode(properties, type=dict[str, str]),
    }
