"""`tasks` against a real server: create, list, show, pause, cancel, retry."""

import secrets
from typing import Any
from urllib.request import urlopen

import pytest

from pushserver.cli import following
from tests.cli.conftest import Run, StartFleet, WriteSteps
from tests.program import Program


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers ask more often, and get their answers at once."""
    monkeypatch.setattr(following, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(following, "LINE_INTERVAL", 0.0)


@pytest.fixture(name="devices")
def _devices(run: Run, device_id: str) -> list[str]:
    """Four adopted devices with a tag of their own; none of them polls by itself."""
    ids = [str(int(device_id) + n) for n in range(4)]
    for each in ids:
        run("devices", "add", each, "--tag", f"of:{device_id}", "--tag", "floor:1")
    return ids


@pytest.fixture(name="make")
def _make(run: Run, device_id: str, steps_file: WriteSteps) -> Any:
    """Makes a task for the devices; more arguments may be given."""

    def make(*argv: str, endpoint: str = "system_information", **fields: Any) -> Any:
        file = steps_file(endpoint, **fields)
        tag = ("--tag", f"of={device_id}")
        return run("tasks", "make", "--steps", file, *tag, *argv)

    return make


def test_make_list_and_show(
    run: Run, make: Any, devices: list[str], device_id: str
) -> None:
    """
    A task is made with what is given, and listed and shown.
    """
    created = make(
        *("--name", f"of {device_id}", "--concurrency", "2", "--resource", "all"),
        *("--stop-after-failures", "50%", "--expires-in", "600"),
        *("--on-failure", "continue", "--json"),
    ).only
    expected = {
        "name": f"of {device_id}",
        "devices": len(devices),
        "waiting": len(devices),
        "concurrency": 2,
        "stopAfterFailures": "50%",
        "onFailure": "continue",
        "resource": "all",
        "stepCount": 1,
    }
    listed = run("tasks", "list", "--limit", "1", "--json").only
    shown = run("tasks", "show", created["id"], "--json").only
    operations = run("operations", "list", "--task", created["id"], "--json").lines

    assert expected == {name: created.get(name) for name in expected}
    assert created["id"] == listed["id"]
    assert {**listed, "failures": []} == shown
    assert sorted(devices) == sorted(each["deviceId"] for each in operations)
    assert f"of {device_id}" in run("tasks").out
    assert "4\n" in _field(run("tasks", "show", created["id"]).out, "waiting")


def _field(out: str, name: str) -> str:
    """Return the line of *out* about a field, without the blanks at its end."""
    line = next(line for line in out.splitlines() if line.startswith(name))
    return line.rstrip() + "\n"


@pytest.mark.parametrize(
    ("argv", "hit"),
    [
        (("--tag", "of={id}"), 4),
        (("--tag", "of:{id}", "--tag", "floor=1"), 4),
        (("--device", "{id}"), 1),
    ],
)
def test_dry_run(
    run: Run,
    devices: list[str],
    device_id: str,
    steps_file: WriteSteps,
    argv: tuple[str, ...],
    hit: int,
) -> None:
    """
    A dry run shows which devices would be affected, and starts nothing.
    """
    arguments = [each.format(id=device_id) for each in argv]
    file = steps_file("reboot")
    make = ("tasks", "make", "--steps", file, *arguments, "--dry-run")
    expected = run(*make, "--json").only

    assert sorted(devices[:hit]) == sorted(expected["deviceIds"])
    assert f"Devices: {hit}, online: 0." in run(*make).out
    assert [] == run("operations", "--device", device_id, "--json").lines


def test_all_devices(run: Run, devices: list[str], steps_file: WriteSteps) -> None:
    """
    Every device may be meant.
    """
    make = ("tasks", "make", "--steps", steps_file("reboot"), "--all", "--dry-run")
    ran = run(*make, "--json")

    assert set(devices) <= set(ran.only["deviceIds"])


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("--all", "--tag", "a=b"),
        ("--device", "1", "--all"),
        ("--tag", "floor"),
        ("--tag", "=1"),
    ],
)
def test_no_targets(run: Run, steps_file: WriteSteps, argv: tuple[str, ...]) -> None:
    """
    Which devices are meant is said in exactly one way.
    """
    ran = run("tasks", "make", "--steps", steps_file("reboot"), *argv)

    assert (2, 1) == (ran.code, ran.err.count("\n"))


def test_same_key(make: Any, devices: list[str]) -> None:
    """
    With the same key a task is made once.
    """
    argv = ("--idempotency-key", secrets.token_hex(), "--json")
    created = [make(*argv).only for _ in range(2)]

    assert created[0]["id"] == created[1]["id"]
    assert len(devices) == created[0]["devices"]


def test_follow(make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    Following ends with the task; where there is no terminal it prints lines.
    """
    with fleet(devices[0], len(devices)):
        ran = make("--name", "Look [round]", "--follow")
    lines = ran.out.splitlines()

    assert 0 == ran.code, ran.err
    assert lines[0].startswith("  0%  4 waiting")
    assert "Look [round] is COMPLETED: 4 completed of 4." == lines[-1]
    assert "\x1b" not in ran.out


def test_follow_json(make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    With --json each line is the task as it was; the last one has the failures.
    """
    with fleet(devices[0], len(devices)):
        ran = make("--follow", "--json", endpoint="make_coffee")
    last = ran.lines[-1]
    done = [task["done"] for task in ran.lines]

    assert 1 == ran.code
    assert done == sorted(done)
    assert (0.0, 1.0) == (done[0], done[-1])
    assert sorted(devices) == sorted(each["deviceId"] for each in last["failures"])
    assert {
        (
            "FAILED",
            "1",
            "Step 1 of 1 (the make_coffee) failed: Invalid endpoint: make_coffee",
        )
    } == {
        (each["status"], each["errorCode"], each["error"]) for each in last["failures"]
    }


def test_devices_of_a_task(
    run: Run, make: Any, fleet: StartFleet, devices: list[str]
) -> None:
    """
    Each device is listed with how far it is, or those that stand in some way.
    """
    with fleet(devices[0], 3):
        task_id = make("--json", endpoint="make_coffee").only["id"]
        argv = ("tasks", "devices", task_id, "--json")
        while len(failed := run(*argv, "--status", "failed").lines) < 3:
            pass
    some = run(*argv, "--status", "FAILED", "--status", "running", "--limit", "2")
    wrong = run("tasks", "devices", task_id, "--status", "broken")

    assert devices[:3] == [each["deviceId"] for each in failed]
    assert devices == [each["deviceId"] for each in run(*argv).lines]
    assert devices[:2] == [each["deviceId"] for each in some.lines]
    assert "there are RUNNING," in wrong.err


def test_table_of_failures(
    run: Run, make: Any, fleet: StartFleet, devices: list[str]
) -> None:
    """
    Failures are a table, with what each device said; it may be cut.
    """
    with fleet(devices[0], len(devices)):
        task = make("--follow", "--json", endpoint="make_coffee").lines[-1]
    whole = run("tasks", "follow", task["id"])
    cut = run("tasks", "show", task["id"], "--failures", "3")
    (error,) = {each["error"] for each in task["failures"]}

    assert 1 == whole.code
    assert 4 == whole.out.count(error)
    assert 3 == cut.out.count(error)
    assert "1 more failures" in cut.err


def test_devices_that_do_not_come(
    make: Any, fleet: StartFleet, devices: list[str]
) -> None:
    """
    A device that did not come in time is said to be just that.
    """
    with fleet(devices[0]):
        ran = make("--follow", "--json", "--expires-in", "4")
    failures = ran.lines[-1]["failures"]

    assert 1 == ran.code
    assert devices[1:] == sorted(each["deviceId"] for each in failures)
    assert {"The device did not come in time, or is gone."} == {
        each["error"] for each in failures
    }


def test_steer(run: Run, make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    A task is paused, resumed, canceled, and retried where it failed.
    """
    task_id = make("--json").only["id"]
    paused = run("tasks", "pause", task_id, "--json").only
    followed = run("tasks", "follow", task_id)
    resumed = run("tasks", "resume", task_id, "--json").only
    canceled = run("tasks", "cancel", task_id, "--yes", "--json").only
    refused = run("tasks", "pause", task_id)
    run("tasks", "follow", task_id)
    with fleet(devices[0], len(devices)):
        again = run("tasks", "retry", task_id, "--json").only
        done = run("tasks", "follow", task_id)
    shown = run("tasks", "show", task_id, "--json").only

    assert ["PAUSED", "RUNNING", "CANCELED", "RUNNING"] == [
        task["state"] for task in (paused, resumed, canceled, again)
    ]
    assert (1, True) == (followed.code, f"tasks resume {task_id}" in followed.err)
    assert (1, 1) == (refused.code, refused.err.count("\n"))
    assert (0, []) == (done.code, shown["failures"])


def test_too_many_failures(make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    Following ends when the task pauses itself.
    """
    with fleet(devices[0], len(devices)):
        ran = make(
            *("--concurrency", "1", "--stop-after-failures", "2", "--follow"),
            endpoint="make_coffee",
        )

    assert 1 == ran.code
    assert "is PAUSED: 2 waiting, 2 failed of 4." in ran.out


def test_retry_of_the_unknown(
    run: Run, server: Program, make: Any, fleet: StartFleet, devices: list[str]
) -> None:
    """
    Devices whose outcome is unknown are retried only with the flag for it.
    """
    fields = {"delivery": "atMostOnce", "responseTimeout": 0.5}
    task_id = make("--json", "--expires-in", "600", **fields).only["id"]
    waiting = set(devices)
    while waiting:
        waiting = {each for each in waiting if not _poll(server, each)}
    followed = run("tasks", "follow", task_id)
    unchanged = run("tasks", "retry", task_id, "--json").only
    with fleet(devices[0], len(devices)):
        run("tasks", "retry", task_id, "--include-unknown")
        done = run("tasks", "follow", task_id)

    assert (1, 4) == (followed.code, followed.out.count("was not answered."))
    assert 4 == unchanged["counts"]["STALE"]
    assert 0 == done.code, done.out


def _poll(server: Program, device_id: str) -> bytes:
    """Poll as a device that will not answer; return the command it is handed."""
    with urlopen(f"{server.url}/push?deviceId={device_id}") as answer:  # noqa: S310
        body: bytes = answer.read()
        return body
