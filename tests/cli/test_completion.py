"""Completion: what a shell is given at a press of Tab."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from pushserver.cli import completion, main
from pushserver.model.audit import TargetKind
from pushserver.model.event import EventType
from pushserver.model.operation import OperationStatus
from pushserver.model.state import CommandState
from pushserver.model.subscription import WebhookState
from pushserver.model.token import Permission
from tests.cli.conftest import Run
from tests.cli.terminal_run import type_into

ROOT = Path(__file__).parents[2]
#: Completes the words, the last one up to the cursor, and prints what bash would offer.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_pushserver
printf '%s\\n' "${COMPREPLY[@]}"
"""
#: What zsh writes when it waits for a line.
ZSH_IS_READY = b"\x1b[?2004h"
ZSH_SETUP = "fpath=({folder} $fpath); autoload -U compinit; compinit -u -D; PS1=\n"
UPGRADE_STATES = ("waiting", "idle", "downloading", "downloaded", "updating")
Offered = Callable[..., dict[str, str]]


@pytest.fixture(name="offered")
def _offered(
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Offered:
    """Returns what may stand at the end of a command line, with what it means."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def offered(*words: str) -> dict[str, str]:
        assert 0 == main(["__complete", *words], environ)
        out, err = capsys.readouterr()
        assert "" == err
        records = out.partition("\x1fbegin\n")[2].splitlines()
        return {
            value: meaning for value, _, meaning in (r.partition("\t") for r in records)
        }

    return offered


@pytest.mark.parametrize(
    "words",
    [
        ["enqueue"],
        ["devices", "show"],
        ["devices", "set"],
        ["shadow", "show"],
        ["commands", "list", "--device"],
        ["tokens", "create", "x", "--device"],
    ],
)
def test_devices(run: Run, offered: Offered, device_id: str, words: list[str]) -> None:
    """
    Wherever a device is to be named, the server's devices are offered with their names.
    """
    run("devices", "add", device_id, "--name", "Front door")

    assert "Front door" == offered(*words, "")[device_id]


def test_other_ids(run: Run, offered: Offered, device_id: str) -> None:
    """
    Commands, tokens and scopes are offered by their ids, with what tells them apart.
    """
    command = run("enqueue", device_id, "reboot", "--adopt", "--json").only["id"]
    token = run("tokens", "create", "tab", "--permission", "admin", "--json").only["id"]

    assert "reboot" == offered("commands", "show", "")[command]
    assert "reboot" == offered("commands", "cancel", "")[command]
    assert "tab" == offered("tokens", "revoke", "")[token]
    assert "default" == offered("scopes", "delete", "")["1"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tokens", "create", "x", "--permission"], [*Permission]),
        (["commands", "list", "--state"], [*CommandState]),
        (["devices", "list", "--state"], ["adopted", "quarantined"]),
        (["events", "--event"], [*EventType]),
        (["tasks", "list", "--state"], ["RUNNING", "PAUSED", "CANCELED", "COMPLETED"]),
        (["tasks", "devices", "5", "--status"], [*OperationStatus]),
        (["upgrades", "devices", "5", "--result"], ["SUCCESS", "FAIL"]),
        (["upgrades", "devices", "5", "--state"], [*UPGRADE_STATES]),
        (["subscriptions", "deliveries", "5", "--state"], [*WebhookState]),
        (["audit", "--target-kind"], [*TargetKind]),
        (["enqueue", "5", "x", "--verb"], ["GET", "POST"]),
        (["simulate", "--devices"], []),
        (["devices", "add", "5", "--name"], []),
    ],
)
def test_known_values(offered: Offered, words: list[str], expected: Any) -> None:
    """
    What the program knows all values of is offered without a server.
    """
    assert expected == [*offered(*words, "")]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "nonsense://x", "http://[::"]
)
def test_server_is_away(
    offered: Offered, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without a server, nothing is offered and nothing is said.
    """
    monkeypatch.setenv("PUSHSERVER_SERVER", address)

    assert {} == offered("devices", "show", "")


def test_options_on_the_line(
    offered: Offered,
    run: Run,
    environ: dict[str, str],
    device_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The server and the token that the line names are asked, wherever they stand.
    """
    run("devices", "add", device_id)
    server, token = environ["PUSHSERVER_SERVER"], environ["PUSHSERVER_TOKEN"]
    monkeypatch.setenv("PUSHSERVER_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("PUSHSERVER_TOKEN", "nobody's")
    before = ("--server", server, f"--token={token}")
    after = (f"--server={server}", "--token", token)

    assert device_id in offered(*before, "devices", "show", "")
    assert device_id in offered("devices", "show", *after, "")
    assert device_id in offered("commands", "--wide", *after, "list", "--device", "")
    assert {} == offered(*before[:2], "devices", "show", "")


def test_token_in_a_file(
    offered: Offered,
    run: Run,
    environ: dict[str, str],
    device_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A token that is in a file is read from there.
    """
    run("devices", "add", device_id)
    file = tmp_path / "token"
    file.write_text(environ["PUSHSERVER_TOKEN"])
    file.chmod(0o600)
    monkeypatch.delenv("PUSHSERVER_TOKEN")
    monkeypatch.setenv("PUSHSERVER_TOKEN_FILE", str(file))

    assert device_id in offered("devices", "show", "")


def test_server_that_says_nothing(
    offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A server that takes the connection and does not answer is given up.
    """
    monkeypatch.setattr(completion, "PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"

        assert {} == offered("--server", address, "devices", "show", "")


def test_token_is_wrong(offered: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A token that the server refuses is no reason to say anything.
    """
    monkeypatch.setenv("PUSHSERVER_TOKEN", "nobody's")

    assert {} == offered("devices", "show", "")


def test_paths(offered: Offered, tmp_path: Path) -> None:
    """
    Files and folders are offered where a file is to be named.
    """
    (tmp_path / "photos").mkdir()
    (tmp_path / "photo.jpg").touch()
    begin = f"{tmp_path}/ph"

    assert [f"{begin}oto.jpg", f"{begin}otos/"] == [
        *offered("enqueue", "5", "x", "--file", begin)
    ]


def test_bash(
    run: Run, environ: dict[str, str], device_id: str, tmp_path: Path
) -> None:
    """
    In bash, the script completes commands, options and the ids of devices.
    """
    run("devices", "add", device_id)
    script, program = tmp_path / "script", tmp_path / "pushserver"
    script.write_text(run("completion", "bash").out)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pushserver "$@"\n')
    program.chmod(0o700)

    def press_tab(*words: str) -> list[str]:
        ran = subprocess.run(  # noqa: S603 - our own script
            ["/bin/bash", "-c", PRESS_TAB, "bash", script, program, *words],
            cwd=ROOT,
            env={**os.environ, **environ},
            capture_output=True,
            check=True,
            text=True,
        )
        assert "" == ran.stderr
        return ran.stdout.split()

    assert "enqueue" in press_tab("enq")
    assert "--priority" in press_tab("enqueue", "5", "x", "--pri")
    assert [device_id] == press_tab("devices", "show", device_id[:-1])
    server = environ.pop("PUSHSERVER_SERVER")
    line = ("--server", server, "devices", "show", device_id[:-1])
    assert [device_id] == press_tab(*line)
    assert ["--wide"] == press_tab("devices", "list", "--wi")


@pytest.mark.skipif(not which("fish"), reason="fish is not installed")
def test_fish(run: Run, environ: dict[str, str], device_id: str, folder: Path) -> None:
    """
    In fish, the script completes commands, options and the ids of devices.
    """
    run("devices", "add", device_id, "--name", "Gate")
    (folder / "script").write_text(run("completion", "fish").out)

    def press_tab(line: str) -> list[str]:
        program = f"source {folder}/script; complete -C '{line}'"
        return _output(["fish", "--no-config", "-c", program], folder, environ)

    assert any(each.startswith("enqueue\t") for each in press_tab("pushserver enq"))
    assert "--wide" in press_tab("pushserver devices list --wi")[0]
    expected = [f"{device_id}\tGate"]
    assert expected == press_tab(f"pushserver devices show {device_id[:-1]}")
    server = environ.pop("PUSHSERVER_SERVER")
    line = f"pushserver --server {server} devices show {device_id[:-1]}"
    assert expected == press_tab(line)


@pytest.mark.skipif(not which("zsh"), reason="zsh is not installed")
def test_zsh(run: Run, environ: dict[str, str], device_id: str, folder: Path) -> None:
    """
    In zsh, the script completes commands and the ids of devices.
    """
    run("devices", "add", device_id, "--name", "Gate")
    (folder / "_pushserver").write_text(run("completion", "zsh").out)
    (folder / ".zshrc").write_text(ZSH_SETUP.format(folder=folder))

    def press_tab(line: str) -> str:
        # The line is completed, and then made one that does nothing.
        lines = [f"{line}\t\x01: \r", "exit\r"]
        return type_into(
            ["zsh", "-i"], lines, ZSH_IS_READY, _environ_of(folder, environ)
        )

    assert "enqueue" in press_tab("pushserver enq")
    assert device_id in press_tab(f"pushserver devices show {device_id[:-1]}")
    server = environ.pop("PUSHSERVER_SERVER")
    line = f"pushserver --server {server} devices show {device_id[:-1]}"
    assert device_id in press_tab(line)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A folder with a program `pushserver` in it, which is this one."""
    program = tmp_path / "pushserver"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pushserver "$@"\n')
    program.chmod(0o700)
    return tmp_path


def _output(argv: list[str], folder: Path, environ: dict[str, str]) -> list[str]:
    """Return the lines that a shell prints which finds the program in *folder*."""
    ran = subprocess.run(  # noqa: S603 - our own script
        argv,
        cwd=ROOT,
        env=_environ_of(folder, environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
    )
    return ran.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script(run: Run, shell: str) -> None:
    """
    Each shell has its script, which knows the commands and asks for the rest.
    """
    out = run("completion", shell).out

    assert "migrate-store" in out
    assert "__complete" in out


def test_tab_loads_no_client() -> None:
    """
    A press of Tab loads nothing that takes long.
    """
    program = (
        "import sys; from pushserver.cli import main;"
        " main(['__complete', 'devices', 'show', '']); print(*sys.modules)"
    )
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PUSHSERVER_SERVER": "http://127.0.0.1:1"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert not {"aiohttp", "psycopg", "sqlite3", "structlog"} & {*ran.stdout.split()}


def _environ_of(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    path = f"{folder}:{os.environ['PATH']}"
    home = {"HOME": str(folder), "ZDOTDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **environ, **home, "PATH": path}
