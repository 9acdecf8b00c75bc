"""The service manager's end of the notify protocol."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs


@attrs.frozen
class Notified:
    """What a manager hears at its socket."""

    socket: socket.socket

    def next(self) -> bytes:
        """Return the next message; wait for it."""
        return self.socket.recv(1000)

    def until(self, beginning: bytes) -> set[bytes]:
        """Return the messages up to one that begins so, within a minute."""
        messages: set[bytes] = set()
        deadline = time.monotonic() + 60
        while not any(each.startswith(beginning) for each in messages):
            assert time.monotonic() < deadline, messages
            messages.add(self.next())
        return messages

    def rest(self) -> set[bytes]:
        """Return what has come, and comes until it is quiet for a moment."""
        self.socket.settimeout(0.1)
        messages: set[bytes] = set()
        try:
            while True:
                messages.add(self.next())
        except TimeoutError:
            return messages


@contextmanager
def notified_at(name: str) -> Iterator[Notified]:
    """Listen as a manager does, at a path or an abstract address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        listening.settimeout(60)
        yield Notified(listening)
