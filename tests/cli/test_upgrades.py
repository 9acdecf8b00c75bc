"""
`upgrades` against a real server: create, list, show, follow, pause, cancel, retry.
"""

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from pushserver.cli import following
from tests.cli.conftest import Run, StartFleet
from tests.cli.terminal_run import TerminalRun

VERIFY = {"command": {"endpoint": "system_information"}, "versionPointer": "/version"}
PHASES = {
    "download": [{"endpoint": "firmware_load", "body": {"version": "2.0"}}],
    "apply": [{"endpoint": "firmware_install"}],
    "verify": VERIFY,
}
#: What no device can do.
BROKEN = {**PHASES, "apply": [{"endpoint": "make_coffee"}]}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers ask more often, and get their answers at once."""
    monkeypatch.setattr(following, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(following, "LINE_INTERVAL", 0.0)


@pytest.fixture(name="devices")
def _devices(run: Run, device_id: str) -> list[str]:
    """Three adopted devices with a tag of their own; none of them polls by itself."""
    ids = [str(int(device_id) + n) for n in range(3)]
    for each in ids:
        run("devices", "add", each, "--tag", f"of:{device_id}")
    return ids


@pytest.fixture(name="make")
def _make(run: Run, device_id: str, tmp_path: Path) -> Any:
    """Makes an upgrade of the devices; more arguments may be given."""

    def make(*argv: str, **filters: Any) -> Any:
        file = tmp_path / "upgrade.json"
        whole = {"targetVersion": "2.0", "phases": PHASES, **filters}
        file.write_text(json.dumps(whole))
        tag = ("--tag", f"of={device_id}")
        return run("upgrades", "make", "--file", str(file), *tag, *argv)

    return make


def test_make_list_and_show(run: Run, make: Any, devices: list[str]) -> None:
    """
    An upgrade is made with what the file and the options say, listed and shown.
    """
    created = make(
        *("--name", "Spring", "--concurrency", "2", "--stop-after-failures", "50%"),
        "--json",
        policy={"retries": 3, "concurrency": 1},
    ).only
    listed = run("upgrades", "list", "--limit", "1", "--json").only
    shown = run("upgrades", "show", created["id"], "--json").only

    assert ("Spring", len(devices), 2, "50%", 3) == tuple(
        created[name]
        for name in ("name", "devices", "concurrency", "stopAfterFailures", "retries")
    )
    assert created["id"] == listed["id"]
    assert {**listed, "failures": []} == shown
    assert "Spring" in run("upgrades").out
    words = run("upgrades", "show", created["id"]).out.split()
    assert "2.0" == words[words.index("targetVersion") + 1]


def test_dry_run(run: Run, make: Any, devices: list[str]) -> None:
    """
    A dry run shows which devices would be affected, and starts nothing.
    """
    newest = run("upgrades", "--json").out

    expected = make("--dry-run", "--json").only

    assert sorted(devices) == sorted(expected["deviceIds"])
    assert newest == run("upgrades", "--json").out


def test_same_key(make: Any, devices: list[str]) -> None:
    """
    With the same key an upgrade is made once.
    """
    argv = ("--idempotency-key", secrets.token_hex(), "--json")
    created = [make(*argv).only for _ in range(2)]

    assert created[0]["id"] == created[1]["id"]
    assert len(devices) == created[0]["devices"]


def test_follow(make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    Following ends with the upgrade; where there is no terminal it prints lines.
    """
    with fleet(devices[0], len(devices)):
        ran = make("--name", "Spring", "--follow")
    lines = ran.out.splitlines()

    assert 0 == ran.code, ran.err
    assert lines[0].startswith("  0%  3 waiting, 0 idle, 0 downloading")
    assert "Spring is COMPLETED: 3 completed of 3." == lines[-1]


def test_failures(run: Run, make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    Failures are shown with their code and the reason, as JSON and as a table.
    """
    with fleet(devices[0], len(devices)):
        ran = make("--follow", "--json", phases=BROKEN)
    last = ran.lines[-1]
    table = run("upgrades", "show", last["id"], "--failures", "2")
    listing = ("upgrades", "devices", last["id"], "--json")
    idle = run(*listing, "--state", "idle", "--result", "fail").lines

    assert 1 == ran.code
    assert sorted(devices) == sorted(each["deviceId"] for each in last["failures"])
    (reason,) = {each["error"] for each in last["failures"]}
    assert reason.startswith("Step 3 of 4 (make_coffee) failed: ")
    assert 2 == table.out.count("(make_coffee)")
    assert sorted(devices) == sorted(each["deviceId"] for each in idle)
    assert [] == run(*listing, "--state", "waiting").lines
    assert "1 more failures" in table.err


def test_steer(run: Run, make: Any, fleet: StartFleet, devices: list[str]) -> None:
    """
    An upgrade is paused, resumed, canceled, and retried where it failed.
    """
    upgrade_id = make("--json").only["id"]
    paused = run("upgrades", "pause", upgrade_id, "--json").only
    followed = run("upgrades", "follow", upgrade_id)
    resumed = run("upgrades", "resume", upgrade_id, "--json").only
    canceled = run("upgrades", "cancel", upgrade_id, "--yes", "--json").only
    refused = run("upgrades", "pause", upgrade_id)
    run("upgrades", "follow", upgrade_id)
    with fleet(devices[0], len(devices)):
        again = run("upgrades", "retry", upgrade_id, "--json").only
        done = run("upgrades", "follow", upgrade_id)

    assert ["PAUSED", "RUNNING", "CANCELED", "RUNNING"] == [
        each["state"] for each in (paused, resumed, canceled, again)
    ]
    assert (1, True) == (
        followed.code,
        f"upgrades resume {upgrade_id}" in followed.err,
    )
    assert (1, 1) == (refused.code, refused.err.count("\n"))
    assert 0 == done.code, done.out


@pytest.mark.parametrize("content", ["[]", "no json", '"2.0"'])
def test_no_upgrade(run: Run, tmp_path: Path, content: str) -> None:
    """
    A file that is no JSON object is refused before the server is asked.
    """
    file = tmp_path / "wrong.json"
    file.write_text(content)

    ran = run("upgrades", "make", "--file", str(file), "--all")

    assert (2, 1) == (ran.code, ran.err.count("\n"))


def test_refused(make: Any, devices: list[str]) -> None:
    """
    An error names the field that the server refuses.
    """
    ran = make("--json", phases={**PHASES, "download": []})

    assert devices
    assert 1 == ran.code
    assert "/phases/download" in ran.err


def test_bar(
    make: Any, environ: dict[str, str], fleet: StartFleet, devices: list[str]
) -> None:
    """
    On a terminal there is a bar, and below it how many devices are where.
    """
    upgrade_id = make("--json").only["id"]
    terminal = TerminalRun(["upgrades", "follow", upgrade_id], environ)
    terminal.read_until("3 waiting")
    with fleet(devices[0], len(devices)):
        code = terminal.end()

    assert 0 == code
    assert "0 updating" in terminal.written
    assert "3/3" in terminal.written
    assert f"Upgrade {upgrade_id} is COMPLETED: 3 completed of 3." in terminal.written
