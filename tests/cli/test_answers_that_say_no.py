"""What the command line shows of a device that refuses, or answers unreadably."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest

from pushserver.cli import main
from tests.cli.conftest import PollOnce, Run, WriteSteps
from tests.program import Program

SING = 'actions:=[{"action":"sing","parameters":""}]'


def answer(server: Program, device_id: str, body: bytes) -> None:
    """Let a device poll until it gets a command, and post these bytes."""
    asyncio.run(_answer(server, device_id, body))


async def _answer(server: Program, device_id: str, body: bytes) -> None:
    query = f"deviceId={device_id}&uuid=u1"
    async with aiohttp.ClientSession() as session:
        while not await (await session.get(f"{server.url}/push?{query}")).read():
            pass
        await session.post(f"{server.url}/result?{query}", data=body)


def test_refused(
    run: Run,
    poll_once: PollOnce,
    device_id: str,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    Who waits for a command that is refused gets the device's words, and exit code 1.
    """
    run("devices", "add", device_id, "--hold", "20")
    argv = ["enqueue", device_id, "execute_actions", "--adopt", SING, "--wait", "20"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(main, argv, environ)
        poll_once()

    assert 1 == waiting.result()
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("FAILED", "refused", "denied"))
    listed = run("results", "--device", device_id).out
    assert 'refused: [{"action":"sing","status":"denied"}]' in listed


def test_unreadable(run: Run, server: Program, device_id: str) -> None:
    """
    An answer that nobody can read is called that, with its command and in the list.
    """
    command = run("enqueue", device_id, "reboot", "--adopt", "--json").only
    answer(server, device_id, b'{"response":{"us')

    assert "unreadable" in run("commands", "show", command["id"]).out
    assert f"unreadable\t{command['id']}" in (run("results", "--device", device_id).out)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b'{"response":{"us', "TIMEOUT", "has an answer that cannot be read."),
        (
            b'{"response":{"success":false,"errors":["too dark"]}}',
            "DEVICE_ERROR",
            'failed: ["too dark"]',
        ),
    ],
)
def test_why_a_task_failed(
    run: Run,
    server: Program,
    device_id: str,
    steps_file: WriteSteps,
    body: bytes,
    code: str,
    words: str,
) -> None:
    """
    The failures of a task tell the refusal, or that nobody could read the answer.
    """
    run("devices", "add", device_id)
    steps = ("--steps", steps_file("user_set_image", body={}))
    task = run("tasks", "make", "--device", device_id, *steps, "--json").only
    answer(server, device_id, body)

    (failure,) = run("tasks", "show", task["id"], "--json").only["failures"]
    error = f"Step 1 of 1 (the user_set_image) {words}"
    assert (code, error) == (failure["errorCode"], failure["error"])
