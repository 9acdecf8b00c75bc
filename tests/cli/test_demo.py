"""`serve --demo`: something to see at once, and nothing left of it afterwards."""

import asyncio
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pushserver.cli import main
from pushserver.cli.demo_scene import (
    DEVICES,
    FAILING,
    DemoSpeed,
    play,
    wait_until_serving,
)
from pushserver.client import Client
from pushserver.client.types import Command
from tests.program import Program


async def _watch(client: Client, address: str) -> Counter[str]:
    """Play the demo until a door was opened; return how each command ended."""
    stop = asyncio.Event()
    playing = asyncio.create_task(
        play(client, address, DemoSpeed(polls=0.05, doors=0.05), stop)
    )
    while not playing.done():
        commands = await _commands(client)
        opened = ("execute_actions", "SUCCESSFUL")
        ended = {(each["endpoint"], each["state"]) for each in commands}
        if opened in ended and "FAILED" in {state for _, state in ended}:
            break
        await asyncio.sleep(0.02)
    stop.set()
    await playing
    commands = await _commands(client)
    assert {FAILING} == {e["deviceId"] for e in commands if e["state"] == "FAILED"}
    return Counter(each["endpoint"] for each in commands)


async def _commands(client: Client) -> list[Command]:
    """Return those of the demo's devices; other tests have theirs at this server."""
    everybodys = client.commands.iterate()
    return [each async for each in everybodys if each["deviceId"] in DEVICES]


async def test_something_to_see(server: Program) -> None:
    """
    Ten devices have users, a door opens, one device fails, a task waits for another.
    """
    async with Client(server.url, server.token) as client:
        endpoints = await _watch(client, server.url)
        task = (await client.tasks.list())["items"][0]

        assert len(DEVICES) == endpoints["create_objects"]
        assert endpoints["execute_actions"] >= 1
        assert ("Firmware 2.1", "RUNNING") == (task["name"], task["state"])
        await client.tasks.cancel(task["id"])


@pytest.mark.parametrize(
    ("argv", "environ", "words"),
    [
        (["--database", "sqlite:///mine.db"], {}, "--database"),
        ([], {"PUSHSERVER_DATABASE": "sqlite:///mine.db"}, "PUSHSERVER_DATABASE"),
        (["--port", "0"], {}, "port"),
    ],
)
def test_refused(
    argv: list[str],
    environ: dict[str, str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    It runs over no database but its own, and at a port that its devices know.
    """
    assert 2 == main(["serve", "--demo", *argv], environ)
    assert words in capsys.readouterr().err


def test_port_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where another server listens nothing starts: that one gets no devices, no commands.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        port = str(other.getsockname()[1])
        code = main(["serve", "--demo", "--port", port], {})

        with pytest.raises(BlockingIOError):
            other.accept()
    printed = capsys.readouterr()
    assert (1, "") == (code, printed.out)
    assert f"Cannot listen on 127.0.0.1:{port}" in printed.err


@pytest.mark.proof
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_from_start_to_end(number: signal.Signals, tmp_path: Path) -> None:
    """
    It prints where to sign in and with which token; its end ends the devices, too, and
    deletes the database, unless it was killed.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environ = {k: v for k, v in os.environ.items() if "PUSHSERVER_" not in k}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "pushserver", "serve", "--demo", "--port", port],
        env={**environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdout is not None
            shown = b"".join(process.stdout.readline() for _ in range(3)).decode()
            found = re.search(r"Open +(\S+)/console\nToken +(\S+)\n", shown)
            assert found is not None, shown
            asyncio.run(_wait_for_all_devices(*found.groups()))
            children = f"/proc/{process.pid}/task/{process.pid}/children"
            scene = os.pidfd_open(int(Path(children).read_text("ascii")))
        finally:
            process.send_signal(number)
            code = process.wait(20)
    ended, _, _ = select.select([scene], [], [], 20)
    os.close(scene)

    expected = {signal.SIGTERM: 0, signal.SIGINT: 130}.get(number, -number)
    assert (expected, [scene]) == (code, ended)
    assert (number is signal.SIGKILL) == bool(list(tmp_path.iterdir()))


async def _wait_for_all_devices(address: str, token: str) -> None:
    async with Client(address, token) as client:
        await wait_until_serving(client)
        while True:
            if len((await client.devices.list(online=True))["items"]) == len(DEVICES):
                return
            await asyncio.sleep(0.1)
