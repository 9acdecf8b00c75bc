"""The commands about tokens and scopes, against a real server."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

CREATE = ("tokens", "create", "--permission", "results:read", "--json")


def test_limits(run: Run, device_id: str) -> None:
    """A token is made with an end, for some devices alone, and listed so."""
    options = ("--expires-at", "2999-01-31T00:00:00Z", "--device", device_id)
    created = run(*CREATE, "some doors", *options, "--tag", "floor:1").only
    listed = {each["id"]: each for each in run("tokens", "list", "--json").lines}

    assert {
        "name": "some doors",
        "expiresAt": "2999-01-31T00:00:00.000000Z",
        "deviceIds": [device_id],
        "tags": {"floor": "1"},
    }.items() <= created.items()
    assert {**listed[created["id"]], "token": created["token"]} == created


def test_name_is_needed(run: Run) -> None:
    """Where nobody can be asked what a token is for, it has to be said."""
    done = run(*CREATE)

    assert 2 == done.code
    assert "what the token is for" in done.err


def answered(environ: dict[str, str], answer: str, *argv: str) -> tuple[int, str, str]:
    """Run the command line in a terminal; return its code, output and question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - the program itself
        [sys.executable, "-m", "pushserver", *argv],
        env=os.environ | environ,
        cwd=Path(__file__).parents[2],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    question = b""
    while b"?" not in question:
        question += os.read(ours, 1024)
    os.write(ours, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=30)
    os.close(ours)
    return process.returncode, out.decode(), question.decode()


def test_name_is_asked_for(environ: dict[str, str], run: Run) -> None:
    """In a terminal it is asked what a token is for."""
    code, out, question = answered(environ, "the gate", *CREATE)

    assert 0 == code, out
    assert "What is the token for?" in question
    assert "the gate" in [each["name"] for each in run("tokens", "--json").lines]


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("n", 1), ("y", 0)])
def test_purge_is_asked_about(environ: dict[str, str], answer: str, code: int) -> None:
    """In a terminal a date without a time is asked about, and only yes is yes."""
    done, out, question = answered(environ, answer, "purge", "2026-01-31", "--json")

    assert "2026-01-31T00:00:00Z" in question
    assert (code, code == 0) == (done, "deleted" in out)


def test_scopes(run: Run) -> None:
    """A scope is deleted when there is nothing in it but tokens; its name is free."""
    created = run("scopes", "create", "acme", "--json").only
    again = run("scopes", "create", "acme")
    run("devices", "add", "77", "--token", created["token"])
    refused = run("scopes", "delete", created["id"], "--yes")
    run("devices", "remove", "77", "--token", created["token"], "--yes")
    deleted = run("scopes", "delete", created["id"], "--yes", "--json").only

    assert (1, 1) == (again.code, refused.code)
    assert "device" in refused.err
    assert {"id": created["id"], "deleted": True} == deleted
    assert 0 == run("scopes", "create", "acme").code
