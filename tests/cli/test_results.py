"""`results`, `results --follow` and the example script against a real server."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pushserver.cli import results
from pushserver.client import ApiError, Client, Json, backoff
from tests.cli.conftest import PollOnce, Run
from tests.cli.tcp_proxy import TcpProxy
from tests.program import Program

SCRIPT = Path(__file__).parents[2] / "scripts" / "results.py"
PROGRAM = "import sys; from pushserver.cli import main; sys.exit(main())"


@pytest.fixture(name="answer_one")
def _answer_one(run: Run, poll_once: PollOnce, device_id: str) -> Callable[[], str]:
    """Enqueues a command and lets the device answer it; returns the command's id."""

    def answer_one() -> str:
        command = run(
            "enqueue", device_id, "system_information", "--adopt", "--json"
        ).only
        poll_once()
        return str(command["id"])

    return answer_one


def cursor_in(err: str) -> str:
    """Return the cursor that a run ended with."""
    return err.splitlines()[-1].removeprefix("cursor: ")


def test_results_go_on_at_the_cursor(
    run: Run, answer_one: Callable[[], str], device_id: str
) -> None:
    """
    Resuming at the cursor prints no result again.
    """
    ids = [answer_one(), answer_one(), answer_one()]
    mine = ("results", "--device", device_id, "--json")
    first = run(*mine, "--limit", "2")
    rest = run(*mine, "--cursor", cursor_in(first.err), "--limit", "0")

    assert [ids[:2], ids[2:]] == [
        [each["commandId"] for each in ran.lines] for ran in (first, rest)
    ]


def test_results_for_people(
    run: Run, answer_one: Callable[[], str], device_id: str
) -> None:
    """
    People read a line for each result.
    """
    command_id = answer_one()
    _, line = run("results", "--device", device_id, "--no-orphan").out.splitlines()
    _, device, endpoint, outcome, command = line.split("\t")

    assert [device_id, "system_information", command_id] == [device, endpoint, command]
    assert device_id == json.loads(outcome)["device_id"]
    assert 1 == run("results", "--device", device_id, "--orphan").out.count("\n")


def test_follow_until_interrupted(
    answer_one: Callable[[], str], device_id: str, environ: dict[str, str]
) -> None:
    """
    Following prints what comes, and Ctrl-C ends it well, with the cursor.
    """
    argv = [sys.executable, "-c", PROGRAM, "results", "--follow", "--json"]
    argv += ["--device", device_id]
    with subprocess.Popen(  # noqa: S603 - our own program
        argv,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        ids = [answer_one(), answer_one()]
        assert following.stdout
        lines = [following.stdout.readline() for _ in ids]
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=30)

    assert all(each in line for each, line in zip(ids, lines, strict=True))
    assert (130, True) == (following.returncode, err.startswith("cursor: "))


async def test_follow_survives_a_server_that_is_away(
    server: Program,
    answer_one: Callable[[], str],
    device_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Following says once that the server is away, and goes on at its cursor afterwards.
    """
    monkeypatch.setattr(backoff, "INITIAL_BACKOFF", 0.01)
    cable = TcpProxy(server.url)
    await cable.start()
    url = f"http://127.0.0.1:{cable.port}"
    client = Client(url, server.token, retry_for=0)
    reader = results.ResultReader(client=client, filters={"deviceId": device_id})
    ids = [await asyncio.to_thread(answer_one)]
    async with client:
        notes: list[str] = []
        follow = reader.follow(notes.append)
        read = [await anext(follow)]
        coming = asyncio.ensure_future(anext(follow))
        await cable.stop()
        ids.append(await asyncio.to_thread(answer_one))
        await cable.start()
        read.append(await asyncio.wait_for(coming, 20))
        await follow.aclose()
    await cable.stop()

    assert ids == [each["commandId"] for each in read]
    assert 1 == len(notes)


async def test_follow_ends_when_it_is_refused(server: Program) -> None:
    """
    An error that waiting will not cure ends the following.
    """
    async with Client(server.url, "pst_wrong") as client:
        with pytest.raises(ApiError):
            await anext(results.ResultReader(client=client).follow())


class EnoughLines(Exception):
    """The script has handled what the test waits for."""


@pytest.fixture(name="script")
def _script(
    server: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The example script, as a module that talks to the server."""
    spec = importlib.util.spec_from_file_location("results_script", SCRIPT)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "SERVER", server.url)
    monkeypatch.setattr(script, "TOKEN", server.token)
    monkeypatch.setattr(script, "CURSOR", tmp_path / "cursor")
    return script


def test_script_goes_on_where_it_ended(
    script: ModuleType,
    answer_one: Callable[[], str],
    device_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The example misses nothing and repeats nothing that it had remembered.
    """
    handled: list[str] = []
    expected = [answer_one()]

    def handle(result: Json) -> None:
        if result["deviceId"] != device_id:
            return
        handled.append(result["commandId"])
        if len(handled) == 1:
            expected.append(answer_one())
        else:
            raise EnoughLines

    monkeypatch.setattr(script, "handle", handle)
    for _ in range(2):
        # The second result was not remembered when the first run broke off.
        with pytest.raises(EnoughLines):
            script.follow()

    assert [*expected, expected[1]] == handled
