"""The real program in front of a terminal: it asks, shows what is live, and ends."""

import os
import pty
import signal
import subprocess
import sys

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
        return self.process.wait(10)

    def _read(self) -> bool:
        try:
            more = os.read(self._fd, 65_536)
        except OSError:  # the program has closed its side
            return False
        self.written += more.decode(errors="replace")
        return bool(more)
