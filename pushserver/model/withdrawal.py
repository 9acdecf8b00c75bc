"""Taking commands back: those that wait end, those in flight are not given again."""

from collections.abc import Sequence

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_events import apply_event
from pushserver.model.lane import Lane
from pushserver.model.state import CommandEvent

#: Commands that one commit ends at the most: everybody waits for its decisions, and
#: those over 200,000 commands take seconds.
MAX_ENDED_AT_ONCE = 500


def room_to_end(changes: Changes) -> int:
    """Return how many more commands may end in this commit."""
    return max(MAX_ENDED_AT_ONCE - len(changes.transitions), 0)


def withdraw(lane: Lane, command: Command, changes: Changes, *, now: int) -> None:
    """
    Take a live command back.

    What waits ends. What is in flight may be answered still, and is not handed out
    again.
    """
    withdraw_all(lane, [command], changes, now=now)


def withdraw_all(
    lane: Lane, commands: Sequence[Command], changes: Changes, *, now: int
) -> None:
    """Take live commands back, no more than there is room for, in one pass."""
    for command in commands:
        if command.is_in_flight:
            mark_withdrawn(command, changes)
    end_waiting(lane, [c for c in commands if not c.is_in_flight], changes, now=now)


def mark_withdrawn(command: Command, changes: Changes) -> None:
    """Let a command that was handed out not be handed out again."""
    command.withdrawn = True
    changes.changed_commands[command.id] = command


def supersede_by_key(lane: Lane, command: Command, changes: Changes) -> None:
    """
    Let a new command take the place of waiting ones of its scope with the same key.

    One that was attempted stays: what came of it is not known, and its retry may tell.
    """
    replaced = [
        each
        for each in lane.waiting
        if each.supersede_key == command.supersede_key
        and each.scope_id == command.scope_id
        and not each.attempts
    ]
    supersede(lane, replaced, command, changes, now=command.created_at)


def supersede(
    lane: Lane,
    replaced: Sequence[Command],
    replacement: Command,
    changes: Changes,
    *,
    now: int,
) -> None:
    """End waiting commands because *replacement*, a new one, takes their place."""
    for command in replaced:
        command.replaced_by = replacement.id
    replacement.superseded += tuple(each.id for each in replaced)
    end_waiting(lane, replaced, changes, now=now)


def end_waiting(
    lane: Lane, commands: Sequence[Command], changes: Changes, *, now: int
) -> None:
    """Cancel waiting commands; one that was attempted becomes TIMEOUT, withdrawn."""
    commands = [*commands]  # it may be the lane's own list
    lane.remove_waiting(commands)
    for command in commands:
        command.withdrawn = command.attempts > 0
        apply_event(
            command,
            CommandEvent.GIVE_UP if command.withdrawn else CommandEvent.CANCEL,
            now,
            changes,
        )
