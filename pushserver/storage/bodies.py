"""Deletion of bodies, where the rows that had them stay."""

import enum
from collections.abc import Sequence
from typing import Protocol

import attrs


class BodyOwner(enum.StrEnum):
    """What has bodies: commands and results their own, the others those of steps."""

    COMMAND = "command"
    RESULT = "result"
    OPERATION = "operation"
    TASK = "task"


@attrs.frozen
class BodyPage:
    """
    Some owners in the order of their ids.

    `last` is the last one of them, None if there are none; `live` the first that has
    not ended and keeps its bodies. `ids` are those whose bodies may be deleted.
    """

    last: int | None = None
    live: int | None = None
    ids: Sequence[int] = ()


class BodyStore(Protocol):
    """Deletion of bodies, of every scope."""

    async def look(
        self, owner: BodyOwner, *, after: int, before: int, limit: int
    ) -> BodyPage:
        """Look through at most *limit* owners with ids between *after* and *before*."""

    async def delete(self, owner: BodyOwner, ids: Sequence[int], now: int) -> None:
        """Delete the bodies of these owners, but of tasks that run again."""

    async def has_deleted_step(self, task_id: int) -> bool:
        """Tell whether the body of a step of the task was deleted."""
