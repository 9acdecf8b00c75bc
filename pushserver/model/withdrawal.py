"""Taking commands back: those that wait end, those in flight are not given again."""

from collections.abc import Iterable, Sequence
from itertools import chain

from pushserver.model.actor import NOBODY, Actor
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_events import apply_event
from pushserver.model.lane import Lane
from pushserver.model.state import CommandEvent

#: Commands that one commit ends at the most: everybody waits for its decisions, and
#: those over 200,000 commands take seconds.
MAX_ENDED_AT_ONCE = 500


#: The scope of commands, and what they supersede each other by.
SupersedeKey = tuple[int, str | None]


def room_to_end(changes: Changes) -> int:
    """Return how many more commands may end in this commit."""
    return max(MAX_ENDED_AT_ONCE - len(changes.transitions), 0)


def withdraw(
    lane: Lane,
    command: Command,
    changes: Changes,
    *,
    now: int,
    by: Actor = NOBODY,
) -> None:
    """
    Take a live command back, for *by*.

    What waits ends. What is in flight may be answered still, and is not handed out
    again.
    """
    withdraw_all(lane, [command], changes, now=now, by=by)


def withdraw_all(
    lane: Lane,
    commands: Sequence[Command],
    changes: Changes,
    *,
    now: int,
    by: Actor = NOBODY,
) -> None:
    """Take live commands back, no more than there is room for, in one pass."""
    for command in commands:
        if command.is_in_flight:
            mark_withdrawn(command, changes, by=by)
    waiting = [c for c in commands if not c.is_in_flight]
    end_waiting(lane, waiting, changes, now=now, by=by)


def mark_withdrawn(command: Command, changes: Changes, *, by: Actor = NOBODY) -> None:
    """Let a command that was handed out not be handed out again."""
    command.withdrawn = True
    command.canceled_by = by
    changes.changed_commands[command.id] = command


def take_replaceable(
    lane: Lane, commands: Iterable[Command]
) -> dict[SupersedeKey, list[Command]]:
    """
    Take out of the lane the waiting commands whose places *commands*, new ones, take.

    One that was attempted stays: what came of it is not known, and its retry may tell.
    The lane is looked through once: there may be many, of each.
    """
    found: dict[SupersedeKey, list[Command]] = {
        (each.scope_id, each.supersede_key): []
        for each in commands
        if each.supersede_key is not None
    }
    if found:
        for each in lane.waiting:
            same = found.get((each.scope_id, each.supersede_key))
            if same is not None and not each.attempts:
                same.append(each)
        lane.remove_waiting(chain.from_iterable(found.values()))
    return found


def supersede_by_key(
    taken: dict[SupersedeKey, list[Command]], command: Command, changes: Changes
) -> list[Command]:
    """
    Let a new command take the place of those *taken* out of its lane for its key.

    Return these; the next one with the key may take its own.
    """
    key = command.scope_id, command.supersede_key
    replaced, taken[key] = taken[key], [command]
    _mark_replaced(replaced, command)
    _end(replaced, changes, now=command.created_at, by=command.created_by)
    return replaced


def supersede(
    lane: Lane,
    replaced: Sequence[Command],
    replacement: Command,
    changes: Changes,
    *,
    now: int,
) -> None:
    """End waiting commands because *replacement*, a new one, takes their place."""
    _mark_replaced(replaced, replacement)
    end_waiting(lane, replaced, changes, now=now, by=replacement.created_by)


def _mark_replaced(replaced: Sequence[Command], replacement: Command) -> None:
    for command in replaced:
        command.replaced_by = replacement.id
    replacement.superseded += tuple(each.id for each in replaced)


def end_waiting(
    lane: Lane,
    commands: Sequence[Command],
    changes: Changes,
    *,
    now: int,
    by: Actor | None = None,
) -> None:
    """
    Cancel waiting commands; one that was attempted becomes TIMEOUT, withdrawn.

    They were canceled *by* somebody, now or before.
    """
    commands = [*commands]  # it may be the lane's own list
    lane.remove_waiting(commands)
    _end(commands, changes, now=now, by=by)


def _end(
    commands: Sequence[Command], changes: Changes, *, now: int, by: Actor | None
) -> None:
    for command in commands:
        command.withdrawn = command.attempts > 0
        command.canceled_by = by or command.canceled_by
        apply_event(
            command,
            CommandEvent.GIVE_UP if command.withdrawn else CommandEvent.CANCEL,
            now,
            changes,
        )
