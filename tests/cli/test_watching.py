"""`devices watch` and `commands watch` against a real server."""

import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Run, StartFleet
from tests.cli.terminal_run import PROGRAM, TerminalRun


def test_devices_on_a_terminal(
    run: Run, environ: dict[str, str], device_id: str, fleet: StartFleet
) -> None:
    """
    A live table follows what becomes of a device, until Ctrl-C.
    """
    run("devices", "add", device_id, "--tag", f"at:{device_id}")
    terminal = TerminalRun(["devices", "watch", "--tag", f"at={device_id}"], environ)
    terminal.read_until("Ctrl-C ends")
    assert device_id in terminal.written
    with fleet(device_id):
        terminal.read_until("s ago")

    assert 130 == terminal.interrupt()
    assert "Traceback" not in terminal.written


def test_commands_on_a_terminal(
    run: Run, environ: dict[str, str], device_id: str
) -> None:
    """
    A live table shows each new state of a command.
    """
    command = run("enqueue", device_id, "reboot", "--adopt", "--json").only
    terminal = TerminalRun(["commands", "watch", "--device", device_id], environ)
    terminal.read_until("PENDING")
    run("commands", "cancel", command["id"])
    terminal.read_until("CANCELED")

    assert 130 == terminal.interrupt()


@pytest.mark.parametrize("options", [["--json"], []])
def test_changes_as_lines(
    run: Run, environ: dict[str, str], device_id: str, options: list[str]
) -> None:
    """
    Where there is no terminal, each change is a line, and nothing else is printed.
    """
    enqueue = ("enqueue", device_id, "reboot", "--adopt", "--json")
    older, newer = (run(*enqueue).only["id"] for _ in "ab")
    argv = ["commands", "watch", "--device", device_id, *options]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, *argv],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout
        if not options:
            assert watching.stdout.readline().startswith("id\tdeviceId\t")
        lines = [watching.stdout.readline() for _ in "ab"]
        run("commands", "cancel", older)
        lines.append(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)
        rest = watching.communicate(timeout=30)

    expected = [(newer, "PENDING"), (older, "PENDING"), (older, "CANCELED")]
    assert (130, ("", "")) == (watching.returncode, rest)
    for line, words in zip(lines, expected, strict=True):
        assert all(word in line for word in words)
        assert (
            options
            or [words[0], device_id, "reboot", words[1]] == (line.split("\t")[:4])
        )
