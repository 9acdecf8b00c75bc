"""Commands that are held for somebody's decision, after a database was restored.

Whether a device carried such a command out since the backup was made, nobody knows
here. What may be given twice is given again; a door is not opened again unless somebody
says so. Held commands wait, expire and can be canceled like others.
"""

from pushserver.model.actor import SERVER
from pushserver.model.audit import AuditAction, command_entry
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.lane import Lane


def hold_at_most_once(lane: Lane, changes: Changes) -> int:
    """Hold what waits and must not be given twice; return how many that are."""
    commands = [
        command
        for command in lane.waiting
        if command.guarantee is DeliveryGuarantee.AT_MOST_ONCE and not command.held
    ]
    for command in commands:
        _set_held(command, changes, held=True)
        changes.audit(command_entry(SERVER, AuditAction.COMMAND_HOLD, command))
    return len(commands)


def release(lane: Lane, command_id: int, changes: Changes) -> bool:
    """Let a held command be handed out; tell whether it was held."""
    command = lane.find_command(command_id)
    if command is None or not command.held:
        return False
    _set_held(command, changes, held=False)
    return True


def _set_held(command: Command, changes: Changes, *, held: bool) -> None:
    command.held = held
    changes.changed_commands[command.id] = command
