"""Operations: tracked work on one device, and the notifications of its progress.

The names are those of Eclipse Kapua's device registry, which has both.
"""

import enum

import attrs

from pushserver.model.actor import NOBODY, Actor
from pushserver.model.upgrade import DeviceUpgrade

#: The most steps of an operation.
MAX_STEPS = 100


class OperationStatus(enum.StrEnum):
    """The status of an operation; STALE means that its outcome is unknown."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STALE = "STALE"


#: It has ended, and not in success.
FAILED_STATUSES = frozenset({OperationStatus.FAILED, OperationStatus.STALE})


class OperationAction(enum.StrEnum):
    """What an operation does, in Kapua's words."""

    READ = "READ"
    CREATE = "CREATE"
    WRITE = "WRITE"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    EXECUTE = "EXECUTE"
    SUBMIT = "SUBMIT"
    CANCEL = "CANCEL"
    SENT = "SENT"


class OnFailure(enum.StrEnum):
    """Whether steps after one that did not succeed are run."""

    STOP = "stop"
    CONTINUE = "continue"


@attrs.frozen(kw_only=True)
class OperationDescriptor:
    """How lists show an operation; `properties` is a JSON text."""

    resource: str
    action: OperationAction = OperationAction.EXECUTE
    app_id: str = "pushserver"
    properties: str | None = None


@attrs.define(kw_only=True, eq=False)
class Operation:
    """
    Steps on one device, in order. Instants are microseconds UTC.

    Of its `step_count` steps, `queued_steps` became commands; `done_steps` of those are
    over, `failed_steps` without success, `unknown_steps` without an answer. `stored`:
    the store has it. `retried`: another operation of its task replaced it. If its task
    is an upgrade, `device_upgrade` is set while decisions change the operation.
    """

    id: int
    scope_id: int
    device_id: int
    created_at: int
    created_by: Actor
    descriptor: OperationDescriptor
    on_failure: OnFailure = OnFailure.STOP
    step_count: int = 0
    task_id: int | None = None
    status: OperationStatus = OperationStatus.RUNNING
    queued_steps: int = 0
    done_steps: int = 0
    failed_steps: int = 0
    unknown_steps: int = 0
    progress: int = 0
    canceled: bool = False
    retried: bool = False
    started_at: int | None = None
    ended_at: int | None = None
    modified_at: int = 0
    version: int = 0
    canceled_by: Actor = NOBODY
    stored: bool = False
    device_upgrade: DeviceUpgrade | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.status is OperationStatus.RUNNING

    @property
    def is_open(self) -> bool:
        """Tell whether it has not ended; without steps, STALE does not end it."""
        return self.is_running or (
            self.status is OperationStatus.STALE and not self.step_count
        )

    @property
    def needs_next_step(self) -> bool:
        """Tell whether its next step can be queued."""
        is_active = self.is_running and not self.canceled
        return is_active and self.queued_steps == self.done_steps < self.step_count

    @property
    def final_status(self) -> OperationStatus:
        """The status that follows from the outcomes of its steps."""
        if self.failed_steps:
            return OperationStatus.FAILED
        if self.unknown_steps:
            return OperationStatus.STALE
        return (
            OperationStatus.COMPLETED
            if self.done_steps == self.step_count
            else OperationStatus.FAILED
        )

    def raise_progress(self, progress: int) -> None:
        """Raise the progress (0..100) to *progress*; it never falls."""
        self.progress = max(self.progress, progress)


@attrs.frozen(kw_only=True)
class Notification:
    """
    Progress (0..100) of an operation at `sent_at`, recorded at `created_at`.

    `status` is the operation's at that time, or what a program reported. `resource` is
    the part of the operation that it is about.
    """

    id: int
    operation_id: int
    scope_id: int
    created_at: int
    created_by: int
    sent_at: int
    status: OperationStatus
    progress: int
    resource: str | None = None
    message: str | None = None
