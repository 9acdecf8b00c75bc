"""`enqueue` in front of people: it asks, shows the live state, and can be left."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.request import urlopen

import pytest

from pushserver.cli.outlook import describe_progress, explain_end
from tests.cli.conftest import PollOnce, Run, StartFleet
from tests.cli.terminal_run import PROGRAM, TerminalRun
from tests.program import Program

NOW = datetime(2026, 11, 20, 13, 0, 20, tzinfo=UTC)


def test_live_state(
    run: Run, environ: dict[str, str], device_id: str, fleet: StartFleet
) -> None:
    """
    On a terminal, waiting shows the command's id, its state, and what is known of its
    device; then the outcome.
    """
    run("devices", "add", device_id)
    terminal = TerminalRun(
        ["enqueue", device_id, "system_information", "--wait"], environ
    )
    terminal.read_until("PENDING")
    terminal.read_until("never polled")
    command = run("commands", "--device", device_id, "--json").only
    assert command["id"] in terminal.written
    with fleet(device_id):
        code = terminal.end()

    assert (0, True) == (code, "SUCCESSFUL" in terminal.written)


def test_interrupted(run: Run, environ: dict[str, str], device_id: str) -> None:
    """
    Who interrupts the waiting reads that the command goes on, and how to take it back.
    """
    run("devices", "add", device_id)
    terminal = TerminalRun(["enqueue", device_id, "reboot", "--wait"], environ)
    terminal.read_until("never polled")
    code = terminal.interrupt()
    command = run("commands", "--device", device_id, "--json").only
    cancel = ("commands", "cancel", command["id"])

    assert (130, "PENDING") == (code, command["state"])
    assert f"pushserver {' '.join(cancel)}" in terminal.written
    assert "Traceback" not in terminal.written
    assert 0 == run(*cancel).code


def test_plain_lines(environ: dict[str, str], run: Run, device_id: str) -> None:
    """
    Where there is no terminal, each state is a line on stderr, without control
    characters, and stdout has the command alone.
    """
    run("devices", "add", device_id)
    argv = ["enqueue", device_id, "reboot", "--wait", "--json"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, *argv],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr
        line = waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=30)

    assert line.split(" ", 1)[1] == "PENDING, its device has never polled\n"
    assert ("", 1, 130) == (out, len(err.splitlines()), waiting.returncode)
    assert err.startswith(f"Command {line.split()[0]} goes on, now PENDING.")


def test_waited_long_enough(run: Run, device_id: str) -> None:
    """
    When the time of waiting is over, people read that the command goes on.
    """
    run("devices", "add", device_id)
    ran = run("enqueue", device_id, "reboot", "--wait", "0.1")

    assert 1 == ran.code
    assert "After 0.1 s: Command " in ran.err
    assert "goes on, now PENDING" in ran.err


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_asks_before_it_creates(
    run: Run, environ: dict[str, str], device_id: str, answer: str, code: int
) -> None:
    """
    On a terminal, an id that is not known is asked about: it may be a typo.
    """
    terminal = TerminalRun(["enqueue", device_id, "reboot"], environ)
    terminal.read_until("[y/N]")
    terminal.type(answer)

    assert code == terminal.end()
    assert code == run("devices", "show", device_id).code


def test_unknown_device(run: Run, device_id: str) -> None:
    """
    Elsewhere it is refused, and the option is named; nothing is created.
    """
    refused = run("enqueue", device_id, "reboot")

    assert (2, 1) == (refused.code, refused.err.count("\n"))
    assert "--adopt" in refused.err
    assert 1 == run("devices", "show", device_id).code
    assert 0 == run("enqueue", device_id, "reboot", "--adopt").code


def test_device_in_quarantine(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    A device that has polled is no typo: it is adopted, which is said.
    """
    poll_once()
    ran = run("enqueue", device_id, "reboot")

    assert (0, True) == (ran.code, f"{device_id} is adopted" in ran.err)


@pytest.fixture(name="command")
def _command() -> dict[str, Any]:
    """A command that was handed out once and not answered."""
    return {
        "id": "7",
        "state": "PENDING",
        "attempts": 0,
        "responseTimeout": 60.0,
        "expiresAt": "2026-11-20T13:00:10.000000Z",
        "sentAt": "2026-11-20T12:59:00.000000Z",
    }


@pytest.fixture(name="device")
def _device() -> dict[str, Any]:
    """A device that polls every five seconds, and has done so twelve seconds ago."""
    last_seen = "2026-11-20T13:00:08.000000Z"
    return {"lastSeenAt": last_seen, "pollPeriod": 5.0, "queueDepth": 1}


def test_words_for_what_waits(command: dict[str, Any], device: dict[str, Any]) -> None:
    """
    What waits is described by its state, its device's last contact and its period.
    """
    assert (
        "PENDING, its device last seen 12 s ago, polls about every 5 s"
        == describe_progress(command, device, NOW)
    )
    device |= {"inFlight": {"commandId": "6", "endpoint": "reboot"}}
    assert describe_progress(command, device, NOW).endswith(
        "which has reboot 6 to answer"
    )
    later = command | {"notBefore": "2026-11-20T14:00:00.000000Z", "held": True}
    assert "PENDING, held: pushserver commands release 7, not before 2026-" in (
        describe_progress(later, None, NOW)
    )
    sent = command | {"state": "SENT"}
    assert (
        "SENT, handed out 80 s ago, its device has 60 s to answer"
        == describe_progress(sent, device, NOW)
    )


def test_clock_of_the_server_is_ahead(
    command: dict[str, Any], device: dict[str, Any]
) -> None:
    """
    No device was last seen in the future.
    """
    past = NOW.replace(minute=0, second=0)
    assert "last seen 0 s ago" in describe_progress(command, device, past)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"attempts": 2}, "handed out 2 times, and no answer came within 60 s"),
        ({"attempts": 1}, "Its device last seen 12 s ago"),
        ({"attempts": 1, "withdrawn": True}, "taken back"),
        ({"attempts": 1, "result": {"unreadable": True}}, "cannot be read"),
        ({"state": "EXPIRED"}, "not handed out before 2026-11-20T13:00:10"),
    ],
)
def test_words_for_why_it_ended(
    command: dict[str, Any], device: dict[str, Any], fields: Any, words: str
) -> None:
    """
    Why a command ended without an answer is said.
    """
    reason = explain_end({**command, "state": "TIMEOUT", **fields}, device, NOW)

    assert reason
    assert words in reason
    assert explain_end({**command, "state": "FAILED"}, device, NOW) is None


def test_timeout_is_explained(
    run: Run, server: Program, environ: dict[str, str], device_id: str
) -> None:
    """
    Of a command that its device took and never answered it is said that nobody knows.
    """
    run("devices", "add", device_id, "--hold", "20")
    options = ("--max-attempts", "1", "--response-timeout", "1", "--wait")
    terminal = TerminalRun(["enqueue", device_id, "reboot", *options], environ)
    with urlopen(f"{server.url}/push?deviceId={device_id}") as poll:  # noqa: S310
        assert b"reboot" in poll.read()
    code = terminal.end()

    assert (1, True) == (code, "TIMEOUT" in terminal.written)
    assert "It was handed out once, and no answer came within 1 s" in terminal.written
