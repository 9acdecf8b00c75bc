"""`audit` and `audit --follow` against a real server."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Run
from tests.program import Program

PROGRAM = "import sys; from pushserver.cli import main; sys.exit(main())"


def test_for_people(run: Run, device_id: str) -> None:
    """People read a line for each act: when, who, what, to whom, from where."""
    command = run("enqueue", device_id, "reboot", "--adopt", "--json").only
    _, *lines = run("audit", "--device", device_id).out.splitlines()

    assert 2 == len(lines)
    assert lines[0].startswith(command["createdAt"])
    assert f"command.create\tcommand {command['id']}\t\treboot" in lines[0]
    assert f"device.adopt\tdevice {device_id}" in lines[1]
    assert "127.0.0.1" == lines[0].split("\t")[6]


def test_filters(run: Run, device_id: str) -> None:
    """Each filter is passed on, and the limit is kept."""
    command = run("enqueue", device_id, "reboot", "--adopt", "--json").only
    run("commands", "cancel", command["id"])
    token = run("tokens", "create", "x", "--permission", "results:read", "--json").only
    run("tokens", "revoke", token["id"], "--yes")

    def actions(*argv: str) -> list[str]:
        return [each["action"] for each in run("audit", *argv, "--json").lines]

    mine = ("--device", device_id)
    assert ["command.cancel"] == actions(*mine, "--limit", "1")
    assert ["command.create"] == actions(*mine, "--action", "command.create")
    assert ["device.adopt"] == actions(*mine, "--target-kind", "device")
    assert ["token.revoke", "token.create"] == actions("--target", token["id"])
    assert [] == actions(*mine, "--actor", token["id"])
    assert [] == actions(*mine, "--created-before", "2026-01-01T00:00:00Z")
    assert 3 == len(actions(*mine, "--created-after", "2026-01-01T00:00:00Z"))


def test_without_admin(run: Run, server: Program) -> None:
    """A token without admin is refused, in one line."""
    made = run("tokens", "create", "x", "--permission", "tokens:write", "--json").only
    ran = run("--server", server.url, "--token", made["token"], "audit")

    assert (1, "") == (ran.code, ran.out)
    assert "admin" in ran.err


@pytest.mark.parametrize("limit", ["0", "1"])
def test_follow(run: Run, device_id: str, environ: dict[str, str], limit: str) -> None:
    """Following prints what there was, oldest first, then what is done."""
    before = run("enqueue", device_id, "reboot", "--adopt", "--json").only["id"]
    argv = [sys.executable, "-c", PROGRAM, "audit", "--follow", "--json"]
    argv += ["--device", device_id, "--limit", limit]
    with subprocess.Popen(  # noqa: S603 - our own program
        argv, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout
        expected = 2 if limit == "0" else 1
        lines = [following.stdout.readline() for _ in range(expected)]
        later = [
            run("enqueue", device_id, "reboot", "--adopt", "--json").only["id"]
            for _ in "ab"
        ]
        lines += [following.stdout.readline() for _ in later]
        following.send_signal(signal.SIGINT)
        code = following.wait(30)

    assert 130 == code
    shown = [each for line in lines for each in [before, *later] if each in line]
    assert [before, *later] == list(dict.fromkeys(shown))
