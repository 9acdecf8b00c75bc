"""Operations as they are written: new, live, and what the audit says of them."""

from collections.abc import Sequence

from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.changes import Changes
from pushserver.model.command_request import CommandRequest, OperationRequest, Step
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.storage.commands import PriorState


def operation_entry(
    operation: Operation,
    actor: Actor,
    action: AuditAction,
    notification_id: int | None = None,
) -> AuditEntry:
    """Return the entry of an act on an operation, or on a notification of it."""
    detail = None if notification_id is None else {"notification": str(notification_id)}
    return AuditEntry(
        scope_id=operation.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.OPERATION,
        target_id=operation.id,
        device_id=operation.device_id,
        detail=detail,
    )


def new_operation(
    plan: OperationRequest,
    operation_id: int,
    scope_id: int,
    device_id: int,
    created_by: Actor,
    now: int,
    task_id: int | None = None,
) -> Operation:
    """Return a new operation, not started."""
    return Operation(
        id=operation_id,
        scope_id=scope_id,
        device_id=device_id,
        task_id=task_id,
        created_at=now,
        created_by=created_by,
        modified_at=now,
        descriptor=plan.label,
        on_failure=plan.on_failure,
        step_count=len(plan.step_requests),
    )


def number_steps(owner_id: int, requests: Sequence[CommandRequest]) -> list[Step]:
    """Number the steps of an operation or a task."""
    return [
        Step(owner_id=owner_id, number=n, request=d) for n, d in enumerate(requests)
    ]


def current_operation(
    lane: Lane, changes: Changes, prior: PriorState
) -> Operation | None:
    """Return the live object of the operation looked up, None if it is deleted."""
    found = prior.operation
    if found is None or found.id in changes.deleted_operations:
        return None
    return changes.live_operation(lane, found)
