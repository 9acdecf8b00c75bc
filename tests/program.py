"""The real program in a process of its own."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from tests.forked import ForkedProcess, fork_program

_URL = re.compile(rb'"url":"([^"]+)"')


@attrs.define
class Program:
    """
    `pushserver serve` on a free port, its log in `folder`.

    `database_url`: the address of its database; without one it has a file there, too.
    `stderr`: an open file that it logs to instead, if it is spawned. `wrapper`: the
    command that runs it, which inherits the open files `pass_fds`.
    """

    folder: Path
    database_url: str = ""
    token: str = "admin-of-the-tests"
    url: str = ""
    stderr: int | None = None
    wrapper: Sequence[str] = ()
    pass_fds: Sequence[int] = ()
    _process: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def log(self) -> Path:
        """Where its log goes."""
        return self.folder / "server.log"

    @property
    def database(self) -> str:
        """The address of its database."""
        return self.database_url or f"sqlite:///{self.folder / 'pushserver.db'}"

    @property
    def file(self) -> Path:
        """Where its file is, if it has one."""
        return Path(self.database.removeprefix("sqlite:///"))

    def start(self, **settings: object) -> None:
        """Start it, with settings as PUSHSERVER_…; wait until each process listens."""
        self.log.touch()
        log_offset = self.log.stat().st_size
        self._process = self._launch(**settings)
        while len(urls := _URL.findall(self.log.read_bytes()[log_offset:])) < int(
            str(settings.get("workers", 1))
        ):
            if self._process.poll() is not None:
                raise AssertionError(self.log.read_text())
            self._wait_briefly()
        self.url = urls[0].decode()

    def _launch(self, **settings: object) -> subprocess.Popen[bytes] | ForkedProcess:
        """
        Start it as `spawn` does, only faster, where nobody could tell the difference.

        A supervisor starts its own servers.
        """
        if "workers" in settings or self.wrapper:
            return self.spawn(**settings)
        return fork_program(self._environ(settings), self.log)

    def spawn(self, **settings: object) -> subprocess.Popen[bytes]:
        """Start the process from the command line, and do not wait."""
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the tests' own command
                [*self.wrapper, sys.executable, "-m", "pushserver", "serve"],
                env=self._environ(settings),
                cwd=Path(__file__).parents[1],
                stdout=log,
                stderr=log if self.stderr is None else self.stderr,
                pass_fds=self.pass_fds,
            )

    def _environ(self, settings: Mapping[str, object]) -> dict[str, str]:
        """Return the environment that says the settings."""
        environ = {k: v for k, v in os.environ.items() if "PUSHSERVER_" not in k}
        environ |= {
            "PUSHSERVER_ADMIN_TOKEN": self.token,
            "PUSHSERVER_PORT": "0",
            "PUSHSERVER_DATABASE": self.database,
        }
        given = {f"PUSHSERVER_{k.upper()}": str(v) for k, v in settings.items()}
        return environ | given

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of its log with this event."""
        lines = self.log.read_bytes().splitlines()
        decoded = (json.loads(line) for line in lines if event.encode() in line)
        return [line for line in decoded if line["event"] == event]

    def _wait_briefly(self) -> None:
        """Wait a moment; nothing signals that it listens."""
        assert self._process is not None
        try:
            self._process.wait(0.02)
        except subprocess.TimeoutExpired:
            return

    def stop(self) -> int:
        """Ask it to stop (SIGTERM) and return its exit code."""
        return self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        assert self._process is not None
        code = self._process.wait(60)
        self._process = None
        return code

    def run(self, **settings: object) -> int:
        """Start it, and return the exit code with which it ends by itself."""
        self._process = self._launch(**settings)
        try:
            return self.wait()
        finally:
            self.kill()

    def kill(self) -> int:
        """Kill it (SIGKILL), as a failing machine would."""
        return self._end(signal.SIGKILL)

    async def kill_and_restart(self, **settings: object) -> None:
        """Kill it and start it again on the same database and port."""
        port = urlsplit(self.url).port
        await asyncio.to_thread(self.kill)
        await asyncio.to_thread(lambda: self.start(port=port, **settings))

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(60)
