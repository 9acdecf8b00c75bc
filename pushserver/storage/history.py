"""Finding and listing commands and results.

The conventions are those of every store (`base`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.model.command import Command, Delivery, Result
from pushserver.model.state import CommandState


@attrs.frozen(kw_only=True)
class CommandFilter:
    """
    Which commands are meant; None means any. Instants are microseconds UTC.

    `device_ids` are those of which they may be, `device_id` is the one of which they
    are.
    """

    states: frozenset[CommandState] = frozenset()
    device_id: int | None = None
    device_ids: frozenset[int] | None = None
    endpoint: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    operation_id: int | None = None
    held: bool | None = None
    supersede_key: str | None = None
    created_by: int | None = None

    def matches(self, command: Command) -> bool:
        """Tell whether *command* is meant."""
        after, before = self.created_after, self.created_before
        return (
            (not self.states or command.state in self.states)
            and self.device_id in (None, command.device_id)
            and (self.device_ids is None or command.device_id in self.device_ids)
            and self.endpoint in (None, command.endpoint)
            and (after is None or command.created_at > after)
            and (before is None or command.created_at < before)
            and self.operation_id in (None, command.operation_id)
            and self.supersede_key in (None, command.supersede_key)
            and self.created_by in (None, command.created_by.token_id)
        )


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

    async def find_state(self, scope_id: int, command_id: int) -> CommandState | None:
        """Return in which state one command is, and read nothing besides."""

    async def find_result(
        self, scope_id: int, command_id: int, *, longest: int | None = None
    ) -> Result | None:
        """
        Return the result that ended the command.

        Raises:
            TooLong: it is of more than *longest* bytes, which were not read.
        """

    async def commands(
        self,
        scope_id: int,
        criteria: CommandFilter,
        *,
        before: int | None,
        limit: int,
        include_bodies: bool = True,
        include_results: bool = True,
    ) -> Sequence[CommandRecord]:
        """
        List commands, newest first, with ids below *before*.

        Without their bodies or results, if so asked; those are not read then, either.
        """

    async def count_commands(
        self, scope_id: int, criteria: CommandFilter, *, up_to: int
    ) -> int:
        """Return how many commands *criteria* match; *up_to* if there are more."""

    async def oldest_command(
        self, scope_id: int, state: CommandState, device_ids: frozenset[int] | None
    ) -> int | None:
        """Return the oldest command in a state; of these devices, if any are given."""

    async def live_devices(
        self, scope_id: int, criteria: CommandFilter
    ) -> Sequence[int]:
        """Return the devices that may have live commands which *criteria* match."""

    async def devices_of_commands(
        self, scope_id: int, command_ids: Collection[int]
    ) -> Mapping[int, int]:
        """Return the device of each of these commands that the scope has, by its id."""

    async def metadata_of_commands(
        self, scope_id: int, command_ids: Collection[int]
    ) -> Mapping[int, str]:
        """Return the JSON that came with those of these commands that have any."""

    async def results(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        device_id: int | None,
        orphan: bool | None,
        device_ids: frozenset[int] | None = None,
        newest_before: int | None = None,
    ) -> Sequence[Result]:
        """
        List results, oldest first, with ids above *after*.

        With *newest_before*, newest first, and with ids below that.
        """

    async def unread_results(self, *, limit: int) -> Sequence[Result]:
        """Return the newest results, of any scope, whose words are not stored yet."""

    async def save_parsed(self, results: Collection[Result]) -> None:
        """
        Store what these results say.

        Raises:
            Unavailable: the store is away.
        """
