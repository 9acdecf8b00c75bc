"""Caches the small orders of the newest waiting commands, in bounded memory.

Most commands are handed out soon after they were enqueued, without reading them.
"""

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.order import Order
from pushserver.model.state import IN_FLIGHT, CommandState

#: The most characters of all cached bodies, and of a single one.
MAX_TOTAL_SIZE = 32 * 1024 * 1024
MAX_ORDER_SIZE = 64 * 1024


class OrderCache:
    """Keeps `command.order` of new commands, and drops it from the oldest."""

    def __init__(self, capacity: int = MAX_TOTAL_SIZE) -> None:
        self._capacity = capacity
        self._size = 0
        self._entries: dict[int, tuple[Command, int]] = {}

    def update(self, changes: Changes) -> None:
        """Cache the orders of enqueued commands, and drop those of ended ones."""
        for command in changes.new_commands:
            if command.state is CommandState.PENDING:
                self.add(command)
        for command, _, _ in changes.transitions:
            if command.state not in IN_FLIGHT:
                self.remove(command.id)

    def add(self, command: Command) -> None:
        """Cache the order of a new command if it is small."""
        order = command.order
        if order is None:
            return
        size = len(order.body or "") + len(order.metadata or "") + 256
        if size > MAX_ORDER_SIZE:
            command.order = None
            return
        self._entries[command.id] = (command, size)
        self._size += size
        while self._size > self._capacity:
            self.remove(next(iter(self._entries)))

    def find(self, command_id: int) -> Order | None:
        """Return the order of a command if it is cached."""
        entry = self._entries.get(command_id)
        return None if entry is None else entry[0].order

    def remove(self, command_id: int) -> None:
        """Drop the order of a command that no longer waits."""
        entry = self._entries.pop(command_id, None)
        if entry is not None:
            command, size = entry
            self._size -= size
            command.order = None
