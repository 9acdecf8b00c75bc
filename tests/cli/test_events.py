"""`events` and `events --follow` against a real server."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.text import Text

from pushserver.cli import events
from pushserver.cli.context import CliContext
from pushserver.client import ApiError, Client, StreamMessage, backoff
from tests.cli.conftest import Run, RunInTerminal
from tests.cli.tcp_proxy import TcpProxy
from tests.program import Program

PROGRAM = "import sys; from pushserver.cli import main; sys.exit(main())"


@pytest.fixture(name="cli_context")
def _cli_context(server: Program) -> CliContext:
    """Where commands run that print JSON."""
    return CliContext(environ={}, server=server.url, token=server.token, json=True)


@asynccontextmanager
async def record_events(server: Program) -> AsyncIterator[Client]:
    """Have events recorded, as a reader of the stream would."""
    async with Client(server.url, server.token) as client, client.events.stream():
        yield client


@pytest.fixture(name="commands")
async def _commands(server: Program, device_id: str) -> list[str]:
    """Return the ids of commands whose events are stored."""
    async with record_events(server) as client:
        enqueued = await client.commands.enqueue_many(
            device_id, [{"endpoint": "reboot"}] * 3
        )
        return [each["id"] for each in enqueued]


def test_what_there_is(run: Run, device_id: str, commands: list[str]) -> None:
    """
    The stored events are printed, and resuming at the last id prints none again.
    """
    mine = ("events", "--device", device_id, "--json")
    first = run(*mine)
    last = first.err.splitlines()[-1].removeprefix("last event: ")
    second = run(*mine, "--last-event-id", first.lines[1]["id"])
    third = run(*mine, "--last-event-id", last)

    assert commands == [each["data"]["commandId"] for each in first.lines]
    assert first.lines[2:] == second.lines
    assert (0, "", first.err) == (third.code, third.out, third.err)


@pytest.mark.usefixtures("commands")
def test_filters(run: Run, device_id: str) -> None:
    """
    Only what is asked for is printed.
    """
    run("devices", "set", device_id, "--tag", f"at:{device_id}")
    kind = ("--event", "command.status", "--event", "task.finished")
    mine = run("events", *kind, "--tag", f"at:{device_id}", "--json")
    none = run("events", "--event", "task.finished", "--device", device_id)

    assert {device_id} == {each["data"]["deviceId"] for each in mine.lines}
    assert "" == none.out


def test_for_people(run: Run, device_id: str, commands: list[str]) -> None:
    """
    People read a line for each event.
    """
    lines = run("events", "--device", device_id).out.splitlines()

    assert 3 == len(lines)
    assert f"command.status\t{device_id}\tPENDING\tcommandId={commands[0]}" in lines[0]


@pytest.mark.parametrize("columns", [72, 80, 95])
def test_no_id_is_cut(
    run_in_terminal: RunInTerminal, device_id: str, commands: list[str], columns: int
) -> None:
    """
    In a terminal an event is one line, in which each id is whole or not there.
    """
    ran = run_in_terminal("events", "--device", device_id, columns=columns)
    lines = [Text.from_ansi(line).plain for line in ran.out.splitlines()]
    ids = {word for line in lines for word in re.findall(r"[0-9]{7,}", line)}

    assert 3 == len(lines)
    assert columns >= max(map(len, lines))
    assert {device_id} == ids - {*commands}


def test_wrong_type(run: Run) -> None:
    """
    A type that is none is refused by its name.
    """
    ran = run("events", "--event", "door.opened")

    assert 2 == ran.code
    assert "'door.opened' is no event; there are " in ran.err
    assert "command.status" in ran.err


def test_missed(capsys: pytest.CaptureFixture[str], cli_context: CliContext) -> None:
    """
    Missed events are a line of their own for programs, and a note for people.
    """
    missed = StreamMessage("missed", {"missed": 7}, "5")
    events._print_message(cli_context, missed)
    events._print_message(
        CliContext(environ={}, server="", token=None, json=False), missed
    )
    printed = capsys.readouterr()

    assert {"type": "missed", "data": {"missed": 7}} == json.loads(printed.out)
    assert "7 events were missed.\n" == printed.err


async def test_follow_until_interrupted(
    server: Program, device_id: str, environ: dict[str, str]
) -> None:
    """
    Following prints what happens, and Ctrl-C ends it well, with the last id.
    """
    argv = [sys.executable, "-c", PROGRAM, "events", "--follow", "--json"]
    argv += ["--device", device_id]
    following = await asyncio.create_subprocess_exec(
        *argv,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert following.stdout
    async with Client(server.url, server.token) as client:
        line = asyncio.ensure_future(following.stdout.readline())
        while not line.done():
            # Until it follows, what happens is before its time.
            await client.commands.enqueue(device_id, {"endpoint": "reboot"})
            await asyncio.wait([line], timeout=0.1)
    event = json.loads(await line)
    following.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(following.communicate(), 30)

    assert device_id == event["data"]["deviceId"]
    assert 130 == following.returncode
    assert err.decode().startswith("last event: ")


async def test_follow_survives_a_break(
    server: Program,
    cli_context: CliContext,
    device_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Following goes on once the server is back: nothing is lost, nothing comes twice.
    """
    monkeypatch.setattr(backoff, "INITIAL_BACKOFF", 0.01)
    cable = TcpProxy(server.url)
    await cable.start()
    cut_off = Client(f"http://127.0.0.1:{cable.port}", server.token)
    reader = events.EventReader(
        client=cut_off, context=cli_context, filters={"deviceId": device_id}
    )
    enqueued, read = [], []
    async with cut_off, Client(server.url, server.token) as client:
        follow = reader.follow()
        coming = asyncio.ensure_future(anext(follow))
        while not coming.done():
            enqueued.append(await client.commands.enqueue(device_id, {"endpoint": "x"}))
            await asyncio.wait([coming], timeout=0.1)
        await cable.stop()
        enqueued += [
            await client.commands.enqueue(device_id, {"endpoint": "x"})
            for _ in range(2)
        ]
        await cable.start()
        enqueued.append(await client.commands.enqueue(device_id, {"endpoint": "x"}))
        read.append(command_of(await coming))
        while read[-1] != enqueued[-1]["id"]:
            read.append(command_of(await asyncio.wait_for(anext(follow), 20)))
        await follow.aclose()
    await cable.stop()

    ids = [each["id"] for each in enqueued]
    assert ids[ids.index(read[0]) :] == read


def command_of(event: StreamMessage) -> str:
    """Return which command an event is about."""
    return str(event.data["data"]["commandId"])


async def test_follow_ends_when_it_is_refused(
    server: Program, cli_context: CliContext
) -> None:
    """
    An error that waiting will not cure ends the following.
    """
    async with Client(server.url, "pst_wrong") as client:
        with pytest.raises(ApiError):
            await anext(events.EventReader(client=client, context=cli_context).follow())
