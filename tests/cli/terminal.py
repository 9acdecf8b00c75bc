"""A terminal of some width, whose output a test reads."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from threading import Thread

import attrs


@attrs.define
class Terminal:
    """What was printed on it, as soon as it is closed."""

    output: str = ""

    @classmethod
    @contextmanager
    def as_stdout(cls, columns: int) -> Iterator["Terminal"]:
        """Let the block print on a terminal that is so wide."""
        terminal, (ours, theirs) = cls(), pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
        reader = Thread(target=terminal._read_all, args=(ours,))
        reader.start()
        try:
            with os.fdopen(theirs, "w") as stdout, redirect_stdout(stdout):
                yield terminal
        finally:
            reader.join(30)
            os.close(ours)

    def _read_all(self, ours: int) -> None:
        chunks = []
        try:
            while chunk := os.read(ours, 65_536):
                chunks.append(chunk)
        except OSError:
            pass  # how Linux says that nobody prints any more
        self.output = b"".join(chunks).decode().replace("\r\n", "\n")
