"""`operations` against a real server."""

import io
import json
import secrets
import sys
from pathlib import Path

import pytest

from pushserver.cli import operations
from tests.cli.conftest import PollOnce, Run, StartFleet, WriteSteps


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting commands ask more often."""
    monkeypatch.setattr(operations, "POLL_INTERVAL", 0.02)


def test_begin_and_show(
    run: Run, fleet: StartFleet, device_id: str, steps_file: WriteSteps
) -> None:
    """
    An operation runs its steps in order, with a notification for each.
    """
    file = steps_file("system_information", "system_information")
    with fleet(device_id):
        operation = run(
            "operations", "begin", device_id, "--steps", file, "--json"
        ).only
        ended = run(
            *("operations", "begin", device_id, "--steps", file),
            *("--wait", "20", "--json"),
        )
    shown = run("operations", "show", operation["id"], "--json").only
    notifications = [each["progress"] for each in shown["notifications"]]

    assert (0, "COMPLETED") == (ended.code, ended.only["status"])
    assert ("COMPLETED", 100) == (shown["status"], shown["progress"])
    assert ["SUCCESSFUL"] * 2 == [step["state"] for step in shown["steps"]]
    assert [0, 25, 50, 50, 75, 100] == notifications


def test_show_for_people(
    run: Run, poll_once: PollOnce, device_id: str, steps_file: WriteSteps
) -> None:
    """
    People see each step with its state and the device's answer, and the notifications.
    """
    file = steps_file("message_to_screen", "reboot")
    operation = run("operations", "begin", device_id, "--steps", file, "--json").only
    poll_once()
    out = run("operations", "show", operation["id"]).out
    failed = next(line for line in out.splitlines() if first_command(operation) in line)

    assert "FAILED" in failed
    assert "the message_to_screen" in failed
    assert failed.split(first_command(operation))[1].strip()
    assert "Step 1 of 2: FAILED" in out


def first_command(operation: dict[str, list[dict[str, str]]]) -> str:
    """Return the id of the first step's command."""
    return operation["steps"][0]["commandId"]


def test_wait_for_a_failure(
    run: Run, fleet: StartFleet, device_id: str, steps_file: WriteSteps
) -> None:
    """
    Waiting for what fails ends with exit code 1, after a line for each turn.
    """
    file = steps_file("system_information", "make_coffee", "reboot")
    with fleet(device_id):
        ran = run("operations", "begin", device_id, "--steps", file, "--wait", "20")

    assert 1 == ran.code
    assert "2 of 3 steps done" in ran.out
    assert "FAILED" in ran.out


def test_wait_in_vain(run: Run, device_id: str, steps_file: WriteSteps) -> None:
    """
    An operation whose time of waiting is over is no success.
    """
    file = steps_file("system_information")
    ran = run(
        *("operations", "begin", device_id, "--steps", file),
        *("--wait", "0.1", "--json"),
    )

    assert (1, "RUNNING") == (ran.code, ran.only["status"])


def test_every_option(
    run: Run,
    fleet: StartFleet,
    device_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Steps may come from standard input; with `continue` a failed one is skipped.
    """
    steps = [{"endpoint": "make_coffee"}, {"endpoint": "system_information"}]
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(steps).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    with fleet(device_id):
        ran = run(
            *("operations", "begin", device_id, "--steps", "-", "--json"),
            *("--resource", "all of it", "--on-failure", "continue", "--wait", "20"),
        )
    states = [step["state"] for step in ran.only["steps"]]

    assert ["FAILED", "SUCCESSFUL"] == states
    assert ran.only["steps"][0]["error"]
    assert ("all of it", "continue", "FAILED") == (
        ran.only["resource"],
        ran.only["onFailure"],
        ran.only["status"],
    )


def test_same_key(run: Run, device_id: str, steps_file: WriteSteps) -> None:
    """
    With the same key an operation is started once.
    """
    file, key = steps_file("reboot"), secrets.token_hex()
    argv = ("operations", "begin", device_id, "--steps", file, "--json")
    ids = [run(*argv, "--idempotency-key", key).only["id"] for _ in range(2)]

    assert ids[0] == ids[1]


def test_list_and_cancel(run: Run, device_id: str, steps_file: WriteSteps) -> None:
    """
    Operations are listed newest first, by what is asked for, and canceled once.
    """
    argv = ("operations", "begin", device_id, "--steps", steps_file("reboot"))
    ids = [run(*argv, "--json").only["id"] for _ in range(3)]
    canceled = run("operations", "cancel", ids[0], "--json").only
    again = run("operations", "cancel", ids[0])
    mine = ("operations", "list", "--device", device_id, "--json")

    assert ("FAILED", "CANCELED") == (
        canceled["status"],
        canceled["steps"][0]["state"],
    )
    assert (1, 1) == (again.code, again.err.count("\n"))
    assert ids[::-1] == [each["id"] for each in run(*mine).lines]
    assert ids[2:] == [each["id"] for each in run(*mine, "--limit", "1").lines]
    assert ids[:1] == [each["id"] for each in run(*mine, "--status", "failed").lines]
    assert [] == run(*mine, "--task", "1").lines
    assert ids[1] in run("operations", "--device", device_id).out


@pytest.mark.parametrize(
    ("content", "words"),
    [("[", "steps.json is not JSON"), ("{}", "array of steps"), ("[1]", "array of")],
)
def test_no_steps(
    run: Run, tmp_path: Path, device_id: str, content: str, words: str
) -> None:
    """
    A file that holds no steps is a wrong use, and is named.
    """
    file = tmp_path / "steps.json"
    file.write_text(content)
    ran = run("operations", "begin", device_id, "--steps", str(file))

    assert 2 == ran.code
    assert words in ran.err


def test_wrong_step_is_named(run: Run, steps_file: WriteSteps, device_id: str) -> None:
    """
    A step that the server refuses is one line that names its place.
    """
    file = steps_file("reboot", "a/b")
    ran = run("operations", "begin", device_id, "--steps", file)

    assert (1, "") == (ran.code, ran.out)
    assert "/steps/1/endpoint" in ran.err


def test_show_without_the_right_to_commands(
    run: Run, poll_once: PollOnce, device_id: str, steps_file: WriteSteps
) -> None:
    """
    Without the permission for commands, the table says so in the error's place.
    """
    file = steps_file("make_coffee")
    operation = run("operations", "begin", device_id, "--steps", file, "--json").only
    poll_once()
    reader = run(
        *("tokens", "create", "reader", "--permission", "operations:read", "--json")
    ).only
    shown = run(
        "--token", reader["token"], "operations", "show", operation["id"], "--json"
    )

    assert 0 == shown.code, shown.err
    assert "commands:read" in shown.only["steps"][0]["error"]
