"""The orders of waiting commands, the young and small of them, in bounded memory.

A device is most often handed what was enqueued a moment ago; that costs no read.
"""

from pushserver.model.command import Command, Order

#: Characters of all bodies kept, and of the largest one.
CAPACITY = 32 * 1024 * 1024
LARGEST = 64 * 1024


class Orders:
    """Keeps `command.order` for some commands and drops it from the oldest."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._size = 0
        self._kept: dict[int, tuple[Command, int]] = {}

    def admit(self, command: Command) -> None:
        """Keep the order of a new command, if it is small."""
        order = command.order
        if order is None:
            return
        size = len(order.body or "") + len(order.metadata or "") + 256
        if size > LARGEST:
            command.order = None
            return
        self._kept[command.id] = (command, size)
        self._size += size
        while self._size > self._capacity:
            self.drop(next(iter(self._kept)))

    def find(self, command_id: int) -> Order | None:
        """Return the order of a command, if it is kept."""
        entry = self._kept.get(command_id)
        return None if entry is None else entry[0].order

    def drop(self, command_id: int) -> None:
        """Forget the order of a command that waits no longer."""
        entry = self._kept.pop(command_id, None)
        if entry is not None:
            command, size = entry
            self._size -= size
            command.order = None
