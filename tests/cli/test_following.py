"""`tasks follow` in front of people: on a terminal, interrupted, without a server."""

import asyncio
import signal
from typing import Any

import pytest

from pushserver.cli import following
from pushserver.cli.context import CliContext
from pushserver.cli.resource_kind import TASK_KIND
from pushserver.client import Client, backoff
from tests.cli.conftest import Run, StartFleet, WriteSteps
from tests.cli.tcp_proxy import TcpProxy
from tests.cli.terminal_run import TerminalRun
from tests.program import Program


@pytest.fixture(name="task")
def _task(run: Run, device_id: str, steps_file: WriteSteps) -> Any:
    """A task for one device, which waits until the device polls."""
    run("devices", "add", device_id)
    file = steps_file("system_information")
    make = ("tasks", "make", "--steps", file, "--device", device_id, "--json")
    return run(*make).only


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
