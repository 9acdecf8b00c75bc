"""An operation: tracked work on one device, and the notifications that tell of it.

The words are Eclipse Kapua's, whose device registry knows the same two things.
"""

import enum

import attrs

from pushserver.model.upgrade import Part

#: At most so many steps make one operation.
STEPS = 100


class Status(enum.StrEnum):
    """How an operation stands; STALE means that nobody knows."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STALE = "STALE"


class Action(enum.StrEnum):
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
    """What becomes of the steps after one that did not succeed."""

    STOP = "stop"
    CONTINUE = "continue"


@attrs.frozen(kw_only=True)
class Label:
    """How an operation is called where it is listed; `properties` is a JSON text."""

    resource: str
    action: Action = Action.EXECUTE
    app_id: str = "pushserver"
    properties: str | None = None


@attrs.define(kw_only=True, eq=False)
class Operation:
    """
    Steps on one device, in order. Instants are microseconds UTC.

    Of its `steps`, `queued` became commands, of which `done` are over, `failed` of
    those without success and `unknown` without an answer. `stored` tells whether the
    store has it. `retried`: another operation of its task took its place. `upgrade` is
    there if its task is an upgrade, while the operation is worked on.
    """

    id: int
    scope_id: int
    device_id: int
    created_at: int
    created_by: int
    label: Label
    on_failure: OnFailure = OnFailure.STOP
    steps: int = 0
    task_id: int | None = None
    status: Status = Status.RUNNING
    queued: int = 0
    done: int = 0
    failed: int = 0
    unknown: int = 0
    progress: int = 0
    canceled: bool = False
    retried: bool = False
    started_at: int | None = None
    ended_at: int | None = None
    modified_at: int = 0
    version: int = 0
    stored: bool = False
    upgrade: Part | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.status is Status.RUNNING

    @property
    def is_open(self) -> bool:
        """Tell whether it has not ended; without steps, STALE is no end."""
        return self.is_running or (self.status is Status.STALE and not self.steps)

    @property
    def wants_step(self) -> bool:
        """Tell whether the command of its next step is to be made."""
        going_on = self.is_running and not self.canceled
        return going_on and self.queued == self.done < self.steps

    @property
    def verdict(self) -> Status:
        """How it ended, by what is known of its steps now."""
        if self.failed:
            return Status.FAILED
        if self.unknown:
            return Status.STALE
        return Status.COMPLETED if self.done == self.steps else Status.FAILED

    def advance(self, progress: int) -> None:
        """Let the progress (0..100) rise to *progress*; it never falls."""
        self.progress = max(self.progress, progress)


@attrs.frozen(kw_only=True)
class Notification:
    """
    Progress (0..100) of an operation, at `sent_at`, as told at `created_at`.

    `status` is the operation's then, or what somebody outside says that it is.
    `resource` says of which part of it this tells.
    """

    id: int
    operation_id: int
    scope_id: int
    created_at: int
    created_by: int
    sent_at: int
    status: Status
    progress: int
    resource: str | None = None
    message: str | None = None
