"""`pushserver simulate`, against a real server."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Run


def test_simulate(run: Run, tmp_path: Path, device_id: str) -> None:
    """
    A simulated fleet is made known to the server, polls, and is summed up.
    """
    journal = tmp_path / "journal"
    queued = run("enqueue", device_id, "system_information", "--adopt", "--json").only
    ran = run(
        *("simulate", "--devices", "2", "--first-id", device_id, "--adopt"),
        *("--period", "0.1", "--duration", "2", "--quirks", "none", "--json"),
        *("--journal", str(journal), "--images", str(tmp_path / "images")),
    )
    entries = [json.loads(line) for line in journal.read_text().splitlines()]

    assert 0 == ran.code, ran.err
    assert 1 == ran.only["response"]
    assert ["received", "executed", "response"] == [each["event"] for each in entries]
    assert "SUCCESSFUL" == run("commands", "show", queued["id"], "--json").only["state"]
    assert (
        "adopted"
        == (run("devices", "show", str(int(device_id) + 1), "--json").only["state"])
    )


def test_simulate_with_keys(run: Run, tmp_path: Path, device_id: str) -> None:
    """
    A device with a key is served under it; people see what runs, and the outcome.
    """
    run("devices", "add", device_id)
    key = run("devices", "key", device_id, "--enforce", "--json").only["key"]
    (tmp_path / "keys").write_text(f"{device_id} {key}\n")
    queued = run("enqueue", device_id, "system_information", "--adopt", "--json").only
    ran = run(
        *("simulate", "--devices", "1", "--first-id", device_id, "--period", "0.1"),
        *("--duration", "1", "--quirks", "none", "--keys", str(tmp_path / "keys")),
    )

    assert ran.err.startswith("1 device polls http://127.0.0.1")
    assert "polls" in ran.out
    assert "SUCCESSFUL" == run("commands", "show", queued["id"], "--json").only["state"]


def test_simulate_until_interrupted(environ: dict[str, str], device_id: str) -> None:
    """
    Ctrl-C ends a simulated fleet in order, with its summary and exit code 130.
    """
    program = "import sys; from pushserver.cli import main; sys.exit(main())"
    argv = ["simulate", "--devices", "1", "--first-id", device_id, "--json"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, *argv],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as simulating:
        assert simulating.stderr
        simulating.stderr.readline()
        simulating.send_signal(signal.SIGINT)
        out, _ = simulating.communicate(timeout=30)

    assert (130, dict) == (simulating.returncode, type(json.loads(out)))
