"""Tasks: the same operation on many devices; each device has its own operation."""

import enum
import math
import re
from typing import Self

import attrs

from pushserver.model.actor import NOBODY, Actor
from pushserver.model.operation import OnFailure, OperationDescriptor


class TaskState(enum.StrEnum):
    """
    The state of a task.

    PREPARING: its operations are being written, and no program knows its id yet. PAUSED
    and CANCELED start no operation; running ones continue, or are canceled.
    """

    PREPARING = "PREPARING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"


@attrs.frozen
class FailureLimit:
    """The failures after which a task pauses: a number, or a share of its devices."""

    value: float
    percent: bool = False

    def reached(self, failures: int, devices: int) -> bool:
        """Tell whether *failures* of *devices* are too many."""
        limit = math.ceil(devices * self.value / 100) if self.percent else self.value
        return failures >= max(1, limit)

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read `5` or `2.5%`.

        Raises:
            ValueError: it is neither, or not above 0 (and at most 100 %).
        """
        match = _LIMIT.fullmatch(text)
        if match is None or not 0 < float(match[1]) <= _MOST[match[2]]:
            raise ValueError(text)
        return cls(float(match[1]), match[2] == "%")

    def __str__(self) -> str:
        return f"{self.value:.7g}{'%' if self.percent else ''}"


_LIMIT = re.compile(r"([0-9]{1,7}|[0-9]{1,3}\.[0-9]{1,3}(?=%))(%?)", re.ASCII)
_MOST = {"": 10_000_000, "%": 100}


@attrs.frozen(kw_only=True)
class Task:
    """
    One operation for many devices. Instants are microseconds UTC.

    At most `concurrency` operations run at once. At `expires_at`, which is `expires_in`
    after the task could start, devices that are offline are given up. The
    `ignored_failures` happened before the last `resume`.
    """

    id: int
    scope_id: int
    created_at: int
    created_by: Actor
    expires_in: int
    expires_at: int
    state: TaskState
    descriptor: OperationDescriptor
    step_count: int
    on_failure: OnFailure = OnFailure.STOP
    name: str | None = None
    concurrency: int | None = None
    stop_after: FailureLimit | None = None
    ignored_failures: int = 0
    ended_at: int | None = None
    canceled_by: Actor = NOBODY


@attrs.frozen(kw_only=True)
class OperationCounts:
    """A task's operations by status; `waiting` ones have not started."""

    waiting: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    stale: int = 0

    @property
    def total(self) -> int:
        """How many devices the task is for."""
        return self.waiting + self.running + self.finished

    @property
    def finished(self) -> int:
        """How many operations have ended."""
        return self.completed + self.failed + self.stale

    @property
    def failures(self) -> int:
        """The failures that count for the limit, including unknown outcomes."""
        return self.failed + self.stale
