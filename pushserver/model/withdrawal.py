"""Taking commands back: those that wait end, those in flight are not given again."""

from collections.abc import Sequence

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_events import apply_event
from pushserver.model.lane import Lane
from pushserver.model.state import CommandEvent


def withdraw(lane: Lane, command: Command, changes: Changes, *, now: int) -> None:
    """
    Take a live command back.

    What waits ends. What is in flight may be answered still, and is not handed out
    again.
    """
    if lane.find_in_flight(command.id) is None:
        end_waiting(lane, [command], changes, now=now)
    else:
        mark_withdrawn(command, changes)


def mark_withdrawn(command: Command, changes: Changes) -> None:
    """Let a command that was handed out not be handed out again."""
    command.withdrawn = True
    changes.changed_commands[command.id] = command


def end_waiting(
    lane: Lane, commands: Sequence[Command], changes: Changes, *, now: int
) -> None:
    """Cancel waiting commands; one that was attempted becomes TIMEOUT, withdrawn."""
    lane.remove_waiting(commands)
    for command in commands:
        command.withdrawn = command.attempts > 0
        apply_event(
            command,
            CommandEvent.GIVE_UP if command.withdrawn else CommandEvent.CANCEL,
            now,
            changes,
        )
