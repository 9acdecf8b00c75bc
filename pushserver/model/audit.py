"""What somebody did, as it is kept for those who ask later."""

import enum
from collections.abc import Callable, Mapping, Sequence

import attrs

from pushserver.model.actor import Actor
from pushserver.model.command import Command

#: What is said of an act besides: how many, which settings; never a body or a secret.
Detail = Mapping[str, str | int | bool]


class AuditAction(enum.StrEnum):
    """Everything that is kept, by names that never change."""

    COMMAND_CREATE = "command.create"
    COMMAND_CANCEL = "command.cancel"
    COMMAND_HOLD = "command.hold"
    COMMAND_RELEASE = "command.release"
    COMMAND_SHOW = "command.show"  # shows secrets
    RESULT_SHOW = "result.show"  # shows secrets
    OPERATION_CREATE = "operation.create"
    OPERATION_CANCEL = "operation.cancel"
    OPERATION_DELETE = "operation.delete"
    NOTIFICATION_CREATE = "notification.create"
    NOTIFICATION_DELETE = "notification.delete"
    TASK_CREATE = "task.create"
    TASK_PAUSE = "task.pause"
    TASK_RESUME = "task.resume"
    TASK_CANCEL = "task.cancel"
    TASK_RETRY = "task.retry"
    SHADOW_CHANGE = "shadow.change"
    DEVICE_ADOPT = "device.adopt"
    DEVICE_CHANGE = "device.change"
    DEVICE_DELETE = "device.delete"
    DEVICE_KEY = "device.key"  # shows a secret
    TOKEN_CREATE = "token.create"  # noqa: S105 - shows a secret, is none
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 - a name
    SESSION_CREATE = "session.create"  # shows a secret
    SESSION_REFRESH = "session.refresh"  # shows a secret
    SESSION_END = "session.end"
    SCOPE_CREATE = "scope.create"  # shows a secret
    SCOPE_DELETE = "scope.delete"
    SUBSCRIPTION_CREATE = "subscription.create"  # shows a secret
    SUBSCRIPTION_CHANGE = "subscription.change"
    SUBSCRIPTION_DELETE = "subscription.delete"
    SUBSCRIPTION_ENABLE = "subscription.enable"
    SUBSCRIPTION_DISABLE = "subscription.disable"
    SUBSCRIPTION_SECRET = "subscription.secret"  # noqa: S105 - shows one, is none
    SUBSCRIPTION_PING = "subscription.ping"
    SUBSCRIPTION_REDELIVER = "subscription.redeliver"
    HISTORY_PURGE = "history.purge"
    BLOB_CREATE = "blob.create"


class TargetKind(enum.StrEnum):
    """What an act was done to."""

    COMMAND = "command"
    OPERATION = "operation"
    TASK = "task"
    DEVICE = "device"
    TOKEN = "token"  # noqa: S105 - a name
    SESSION = "session"
    SCOPE = "scope"
    SUBSCRIPTION = "subscription"


@attrs.define(kw_only=True)
class AuditEntry:
    """
    One act in a scope, of `actor`, on the target, which may be of a device.

    The store gives it its `id` and its instant, with the transaction that writes the
    act itself. `endpoint` is that of a command. What repeats `first`, a moment after
    it, counts to that one.
    """

    scope_id: int
    actor: Actor
    action: AuditAction
    target_kind: TargetKind | None = None
    target_id: int | None = None
    device_id: int | None = None
    endpoint: str | None = None
    detail: Detail | None = None
    id: int = 0
    at: int = 0
    first: "AuditEntry | None" = attrs.field(default=None, eq=False, repr=False)

    def stamp(self, new_id: Callable[[], int], now: int) -> None:
        """Give it an id, and the instant."""
        self.id, self.at = new_id(), now


def device_entry(
    scope_id: int,
    actor: Actor,
    action: AuditAction,
    device_id: int,
    detail: Detail | None = None,
) -> AuditEntry:
    """Return the entry of an act on a device."""
    return AuditEntry(
        scope_id=scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.DEVICE,
        target_id=device_id,
        device_id=device_id,
        detail=detail,
    )


def command_entry(actor: Actor, action: AuditAction, command: Command) -> AuditEntry:
    """Return the entry of an act on a command."""
    return AuditEntry(
        scope_id=command.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.COMMAND,
        target_id=command.id,
        device_id=command.device_id,
        endpoint=command.endpoint,
    )


def cancel_entry(actor: Actor, commands: Sequence[Command]) -> AuditEntry:
    """Return the one entry of commands of a device that are taken back together."""
    if len(commands) == 1:
        return command_entry(actor, AuditAction.COMMAND_CANCEL, commands[0])
    return device_entry(
        commands[0].scope_id,
        actor,
        AuditAction.COMMAND_CANCEL,
        commands[0].device_id,
        {"commands": len(commands)},
    )
