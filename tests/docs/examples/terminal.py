"""A shell in a terminal of its own, in which the examples of one page are run."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import attrs

from tests.docs.examples.screen import shown

#: Runs each file that is named to it, and writes how it ended. A job has a group of
#: processes of its own, which Ctrl-C reaches.
_DRIVER = """\
set -m
while IFS= read -r -u 3 file; do
    source "$file" 3<&-
    printf '\\036%s\\036' "$?"
done
"""
#: Seconds that any command may take, however busy the machine is.
PATIENCE = 60
_ROWS, COLUMNS = 60, 80


@attrs.frozen
class Run:
    """One command: what it was, its exit code, and what it left on the screen."""

    command: str
    code: int
    written: str

    @property
    def screen(self) -> str:
        """What stands on the screen."""
        return shown(self.written)


class Terminal:
    """A shell in *folder*; `close` ends it, and whatever it has begun."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self._jobs: list[tuple[int, str]] = []
        self._count = 0
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(
            self._slave, termios.TIOCSWINSZ, struct.pack("4H", _ROWS, COLUMNS, 0, 0)
        )
        modes = termios.tcgetattr(self._slave)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(self._slave, termios.TCSANOW, modes)
        reader, self._files = os.pipe()
        self._shell = subprocess.Popen(  # noqa: S603 - the tests' own command
            ["bash", "-c", f"exec 3<&{reader}\n{_DRIVER}"],  # noqa: S607
            cwd=folder,
            env=dict(environ),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            pass_fds=[reader],
        )
        os.close(reader)

    def run(self, command: str, typed: str = "") -> Run:
        """Run a command to its end; *typed* is what somebody types meanwhile."""
        os.write(self._master, typed.encode())
        written = self._source(command)
        if typed:
            termios.tcflush(self._slave, termios.TCIFLUSH)
        *_, code, _ = written.split("\x1e")
        return Run(command, int(code), written.rpartition("\x1e" + code)[0])

    def begin(self, command: str, until: str) -> Path:
        """
        Run a command as in a terminal beside this one, until it has said *until*.

        Return the file with what it says.
        """
        said = self.folder / f".said-{self._count}"
        said.touch()
        job = f"{{\n{command}\n}} >>{said} 2>&1 &\nprintf %s $!"
        pid = self._source(job).split("\x1e")[0]
        self._jobs.append((int(pid.split()[-1]), command))
        deadline = time.monotonic() + PATIENCE
        while until not in said.read_text("utf-8"):
            assert time.monotonic() < deadline, (command, said.read_text("utf-8"))
            select.select([], [], [], 0.01)
        return said

    def end_jobs(self, pattern: str = "") -> None:
        """Press Ctrl-C where such commands run, the newest first, and wait."""
        for job in self._jobs[::-1]:
            pid, command = job
            if re.search(pattern, command):
                self._jobs.remove(job)
                self._source(f"kill -INT -- -{pid}; wait {pid}")

    def close(self) -> None:
        """End the shell and its jobs."""
        for pid, _ in self._jobs:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._shell.kill()
        self._shell.wait()
        for file in (self._master, self._slave, self._files):
            os.close(file)

    def _source(self, command: str) -> str:
        """Have the shell run a command, and return what was written up to its end."""
        self._count += 1
        file = self.folder / f".command-{self._count}"
        file.write_text(command + "\n", "utf-8")
        os.write(self._files, f"{file}\n".encode())
        written, deadline = b"", time.monotonic() + PATIENCE
        while written.count(b"\x1e") < 2:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._master], [], [], max(left, 0))
            assert left > 0, f"{command} does not end: {written.decode()}"
            written += os.read(self._master, 65_536) if ready else b""
        return written.decode()
