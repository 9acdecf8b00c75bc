"""Tasks as rows."""

from typing import Any

from pushserver.model.operation import OnFailure
from pushserver.model.task import FailureLimit, Task, TaskState
from pushserver.storage.actor_rows import actor_columns, take_actors
from pushserver.storage.operation_rows import DESCRIPTOR_COLUMNS, read_descriptor
from pushserver.storage.table import Codec, Column, Table, enum_codec


def _task(**fields: Any) -> Task:
    take_actors(fields, "created_by", "canceled_by")
    return Task(descriptor=read_descriptor(fields), **fields)


TASKS = Table(
    "task",
    _task,
    [
        "id, scope_id, name, created_at",
        *actor_columns("created_by"),
        "expires_at",
        Column("state", codec=enum_codec(TaskState)),
        *DESCRIPTOR_COLUMNS,
        Column("on_failure", codec=enum_codec(OnFailure)),
        "step_count, concurrency",
        Column("stop_after", codec=Codec(str, FailureLimit.parse)),
        "ignored_failures, ended_at, expires_in",
        *actor_columns("canceled_by"),
    ],
)
