"""Finding and listing commands and results.

The conventions are those of every store (`base`).
"""

from collections.abc import Sequence
from typing import Protocol

import attrs

from pushserver.model.command import Command, Delivery, Result
from pushserver.model.state import CommandState


@attrs.frozen(kw_only=True)
class CommandFilter:
    """Which commands to list; None means any. Instants are microseconds UTC."""

    states: frozenset[CommandState] = frozenset()
    device_id: int | None = None
    endpoint: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    operation_id: int | None = None
    held: bool | None = None


@attrs.frozen(kw_only=True)
class CommandRecord:
    """A command with its order, its deliveries and its result."""

    command: Command
    deliveries: tuple[Delivery, ...]
    result: Result | None


class CommandHistory(Protocol):
    """
    Commands and results of one scope. Reads never wait for a writer.

    Lists read no more rows than they return, except with combined filters, and with
    `created_before`, which also reads those of one day. A page ends early when its
    bodies exceed some megabytes.
    """

    async def find_command(
        self, scope_id: int, command_id: int
    ) -> CommandRecord | None:
        """Return one command with its deliveries and its result."""

    async def find_result(self, scope_id: int, command_id: int) -> Result | None:
        """Return the result that ended the command."""

    async def commands(
        self, scope_id: int, criteria: CommandFilter, *, before: int | None, limit: int
    ) -> Sequence[CommandRecord]:
        """List commands, newest first, with ids below *before*."""

    async def results(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        device_id: int | None,
        orphan: bool | None,
    ) -> Sequence[Result]:
        """List results, oldest first, with ids above *after*."""
