"""What the audit says of tasks, and so of upgrades."""

from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.task import Task


def task_entry(task: Task, actor: Actor, action: AuditAction) -> AuditEntry:
    """Return the entry of an act on a task."""
    return AuditEntry(
        scope_id=task.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.TASK,
        target_id=task.id,
        detail={"resource": task.descriptor.resource},
    )
