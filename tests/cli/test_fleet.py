"""The commands about devices, tokens, scopes and the server, against a real one."""

import asyncio
import json
from pathlib import Path

import pytest

from pushserver.cli import main
from pushserver.client import Client
from tests.cli.conftest import PollOnce, Run
from tests.program import Program


def test_devices(run: Run, device_id: str) -> None:
    """
    A device is added, changed, listed, and removed.
    """
    run("devices", "add", device_id, "--name", "Door", "--tag", f"at:{device_id}")
    changed = run("devices", "set", device_id, "--hold", "5", "--json").only
    listed = run("devices", "list", "--tag", f"at:{device_id}", "--json").only
    removed = run("devices", "remove", device_id, "--yes", "--json").only

    assert ("Door", 5, {"at": device_id}) == tuple(
        changed[name] for name in ("name", "hold", "tags")
    )
    assert device_id == listed["deviceId"]
    assert {"deviceId": device_id, "removed": True} == removed
    assert 1 == run("devices", "show", device_id).code


def test_list(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    Devices are found by tags, by whether they are online, and by a part of the name.
    """
    tag = f"at={device_id}"
    other = str(int(device_id) - 1)
    run("devices", "add", device_id, "--name", "Gate B", "--tag", f"at:{device_id}")
    run("devices", "add", other, "--name", "gate A", "--tag", f"at:{device_id}")
    poll_once()

    def ids(*options: str) -> list[str]:
        listed = run("devices", "list", "--tag", tag, "--json", *options)
        return [json.loads(line)["deviceId"] for line in listed.out.splitlines()]

    assert [device_id] == ids("--online")
    assert [other] == ids("--offline")
    assert [other, device_id] == ids("--sort", "name", "--search", "GATE")
    assert [device_id, other] == ids("--sort=-name", "--tag", "at=elsewhere")
    assert [] == ids("--search", "gate_")


def test_keys(run: Run, device_id: str, tmp_path: Path) -> None:
    """
    Keys for many devices come as CSV, into a file that is nobody else's to read.
    """
    tag, file = f"at={device_id}", tmp_path / "keys.csv"
    run("devices", "add", device_id, "--tag", f"at:{device_id}")
    made = run("devices", "keys", str(file), "--tag", tag)
    shown = run("devices", "keys", "--tag", tag)

    assert (0, "") == (made.code, made.out)
    assert 0o600 == file.stat().st_mode & 0o777
    for text in (file.read_text(), shown.out):
        header, row = text.splitlines()
        assert "deviceId,name,key,path,url,enforced" == header
        assert row.startswith(f"{device_id},,")
    assert 2 == run("devices", "keys").code


@pytest.mark.parametrize("hold", ["nan", "inf", "-inf"])
def test_hold_is_no_number(run: Run, device_id: str, hold: str) -> None:
    """
    A hold that is no number is refused: as JSON it would be null, and clear the hold.
    """
    run("devices", "add", device_id, "--hold", "5")
    refused = run("devices", "set", device_id, f"--hold={hold}")

    assert 2 == refused.code
    assert "hold must be a number" in refused.err
    assert 5 == run("devices", "show", device_id, "--json").only["hold"]


def test_hold_too_long(run: Run, device_id: str) -> None:
    """
    A hold of over 300 seconds is refused, and changes nothing.
    """
    run("devices", "add", device_id, "--hold", "5")
    refused = run("devices", "set", device_id, "--hold", "999")

    assert 1 == refused.code
    assert 5 == run("devices", "show", device_id, "--json").only["hold"]


def test_devices_for_people(run: Run, device_id: str) -> None:
    """
    People read a table.
    """
    run("devices", "add", device_id, "--name", "Door", "--tag", f"at:{device_id}")

    assert "Door" in run("devices", "--tag", f"at:{device_id}").out
    assert "Door" in run("devices", "show", device_id).out


def test_adopt_and_key(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    A device that polled is adopted, and given a key.
    """
    poll_once()
    adopted = run("devices", "adopt", device_id, "--json").only
    made = run("devices", "key", device_id, "--enforce", "--json")
    key = made.only

    assert "Put the address" in made.err
    assert "adopted" == adopted["state"]
    assert f"/d/{key['key']}" == key["path"]


def test_tokens(
    run: Run, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A token is made, listed without its secret, and revoked.
    """
    created = run(
        "tokens", "create", "t", "--permission", "results:read", "--json"
    ).only
    listed = run("tokens", "list", "--json")
    script = {**environ, "PUSHSERVER_TOKEN": created["token"]}
    codes = [main(["results"], script), main(["devices"], script)]
    run("tokens", "revoke", created["id"], "--yes")
    codes.append(main(["results"], script))

    assert created["id"] in [each["id"] for each in listed.lines]
    assert created["token"] not in listed.out
    assert [0, 1, 1] == codes
    assert "PUSHSERVER_TOKEN" in capsys.readouterr().err


def test_scopes(run: Run, environ: dict[str, str], device_id: str) -> None:
    """
    A scope is made with a token of its own, listed, and apart from the first.
    """
    run("devices", "add", device_id)
    created = run("scopes", "create", f"of-{device_id}", "--json").only
    listed = run("scopes", "list", "--json")
    tenant = {**environ, "PUSHSERVER_TOKEN": created["token"]}

    assert {"id", "name", "createdAt", "token"} == set(created)
    assert created["id"] in [each["id"] for each in listed.lines]
    assert created["token"] not in listed.out
    assert "default" in run("scopes").out
    assert 1 == main(["devices", "show", device_id], tenant)
    assert 0 == main(["devices"], tenant)


def test_openapi(run: Run) -> None:
    """
    The document is printed, and again in one line for programs.
    """
    assert json.loads(run("openapi").out) == run("openapi", "--json").only


def test_doctor(run: Run, poll_once: PollOnce, device_id: str) -> None:
    """
    The doctor looks at everything, and at a device that never polled.
    """
    run("devices", "add", device_id)
    sick = run("doctor", "--json")
    poll_once()
    found = {each["check"]: each for each in sick.lines}

    assert {"server", "ready", "clock", "token"} <= {
        check for check, each in found.items() if each["level"] == "ok"
    }
    assert "never polled" in found["unseen"]["found"]
    assert device_id not in run("doctor").out


def test_doctor_recognises_a_monitor(run: Run, device_id: str, server: Program) -> None:
    """
    A device whose Monitor is pointed here is found by what it sent.
    """

    async def notify() -> None:
        async with Client(server.url) as anyone:
            await anyone.probe(f"/api/notifications/door?device_id={device_id}")

    run("devices", "add", device_id)
    asyncio.run(notify())
    ran = run("doctor")

    assert 1 == ran.code
    assert f"made calls that are not Push: 1 ({device_id})." in ran.out
    assert "monitor.hostname" in ran.out


def test_doctor_without_token(
    server: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Without a token the doctor says what is missing.
    """
    code = main(["doctor"], {"PUSHSERVER_SERVER": server.url})

    assert 1 == code
    assert "PUSHSERVER_TOKEN" in capsys.readouterr().out


def test_serve_refuses_what_is_unsafe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The server says in one line why it does not start, and the flags reach it.
    """
    database = f"sqlite:///{tmp_path}/x.db"
    code = main(["serve", "--host", "0.0.0.0", "--database", database], {})  # noqa: S104
    printed = capsys.readouterr()
    conflict = main(["serve", "--identity-conflict", "no", "--database", database], {})

    assert (1, 1) == (code, conflict)
    assert "device" in printed.err.lower()
    assert "report or quarantine" in capsys.readouterr().err
