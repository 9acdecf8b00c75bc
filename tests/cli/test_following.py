"""`tasks follow` in front of people: on a terminal, interrupted, without a server."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from typing import Any

import pytest

from pushserver.cli import backoff, following
from pushserver.cli.context import CliContext
from pushserver.cli.resource_kind import TASK_KIND
from pushserver.client import Client
from tests.cli.conftest import Run, StartFleet, WriteSteps
from tests.cli.tcp_proxy import TcpProxy
from tests.program import Program

PROGRAM = "import sys; from pushserver.cli import main; sys.exit(main())"


@pytest.fixture(name="task")
def _task(run: Run, device_id: str, steps_file: WriteSteps) -> Any:
    """A task for one device, which waits until the device polls."""
    run("devices", "add", device_id)
    file = steps_file("system_information")
    make = ("tasks", "make", "--steps", file, "--device", device_id, "--json")
    return run(*make).only


class TerminalRun:
    """A program in front of a terminal, and all that it wrote."""

    def __init__(self, argv: list[str], environ: dict[str, str]) -> None:
        self._read_fd, writing = pty.openpty()
        self.written = ""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM, *argv],
            env={**os.environ, **environ, "COLUMNS": "80", "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
        )
        os.close(writing)

    def read_until(self, word: str) -> None:
        """Read on until *word* was written."""
        while word not in self.written:
            assert self._read(), self.written

    def end(self) -> int:
        """Read what is left and return the exit code."""
        while self._read():
            pass
        os.close(self._read_fd)
        return self.process.wait(10)

    def _read(self) -> bool:
        try:
            more = os.read(self._read_fd, 65_536)
        except OSError:  # the program has closed its side
            return False
        self.written += more.decode(errors="replace")
        return bool(more)


def test_bar(
    task: Any, environ: dict[str, str], fleet: StartFleet, device_id: str
) -> None:
    """
    On a terminal there is a bar with the counts, which ends at 100 %.
    """
    terminal = TerminalRun(["tasks", "follow", task["id"]], environ)
    terminal.read_until("1 waiting")
    with fleet(device_id):
        code = terminal.end()

    assert 0 == code
    assert "\x1b[2K" in terminal.written
    assert "0/1" in terminal.written
    assert "100%" in terminal.written
    assert f"Task {task['id']} is COMPLETED: 1 completed of 1." in terminal.written


def test_interrupted(task: Any, environ: dict[str, str]) -> None:
    """
    Ctrl-C ends the following and not the task; it says how to go on.
    """
    terminal = TerminalRun(["tasks", "follow", task["id"]], environ)
    terminal.read_until("1 waiting")
    terminal.process.send_signal(signal.SIGINT)

    assert 130 == terminal.end()
    assert f"pushserver tasks follow {task['id']}" in terminal.written
    assert "Traceback" not in terminal.written


async def test_server_away(
    server: Program,
    task: Any,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    Following waits for a server that is away, and says so once.
    """
    monkeypatch.setattr(following, "POLL_INTERVAL", 0.01)
    monkeypatch.setattr(backoff, "INITIAL_BACKOFF", 0.01)
    cable = TcpProxy(server.url)
    await cable.start()
    url = f"http://127.0.0.1:{cable.port}"
    context = CliContext(environ={}, server=url, token=server.token, json=False)
    async with Client(url, server.token) as client:
        await client.tasks.get(task["id"])
        await cable.stop()
        follow = asyncio.create_task(
            following.follow(context, client, task, 0, TASK_KIND)
        )
        output = ""
        while "Trying again" not in output:
            await asyncio.sleep(0.005)
            output += capsys.readouterr().err
        await asyncio.to_thread(run, "tasks", "cancel", task["id"], "--yes")
        await cable.start()
        code = await asyncio.wait_for(follow, 20)
        await cable.stop()

    assert (1, 1) == (code, output.count("Trying again"))
