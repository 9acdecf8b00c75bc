"""The real program in front of a terminal: it asks, shows what is live, and ends."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress

PROGRAM = "import sys; from pushserver.cli import main; sys.exit(main())"


class TerminalRun:
    """A program with all that it wrote, on a terminal of 80 columns."""

    def __init__(self, argv: list[str], environ: dict[str, str]) -> None:
        self._fd, theirs = pty.openpty()
        self.written = ""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM, *argv],
            env={**os.environ, **environ, "COLUMNS": "80", "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def read_until(self, word: str) -> None:
        """Read on until *word* was written."""
        while word not in self.written:
            assert self._read(), self.written

    def type(self, line: str) -> None:
        """Answer a question with *line*."""
        os.write(self._fd, line.encode() + b"\n")

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Read what is left and return the exit code."""
        while self._read():
            pass
        os.close(self._fd)
        return self.process.wait(30)

    def _read(self) -> bool:
        try:
            more = os.read(self._fd, 65_536)
        except OSError:  # the program has closed its side
            return False
        self.written += more.decode(errors="replace")
        return bool(more)


def type_into(
    argv: list[str], lines: list[str], prompt: bytes, environ: dict[str, str]
) -> str:
    """
    Return all that a program writes which is given *lines*; the last one ends it.

    Each is typed when *prompt* was written once more.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, 200, 0, 0))
    process = subprocess.Popen(  # noqa: S603 - a shell of the machine
        argv,
        env={**environ, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written, typed = b"", 0
    with suppress(OSError):  # the program has closed its side
        while more := os.read(ours, 65_536):
            written += more
            while typed < min(written.count(prompt), len(lines)):
                os.write(ours, lines[typed].encode())
                typed += 1
    process.wait(10)
    os.close(ours)
    return written.decode(errors="replace")
