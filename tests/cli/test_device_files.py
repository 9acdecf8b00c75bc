"""`devices import` and `devices export`, against a real server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pushserver.cli.device_files import open_target
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fleet.csv", "deviceId,name\n{id},Gate\n"),
        ("fleet.ndjson", '{{"deviceId":"{id}","name":"Gate"}}\n'),
    ],
)
def test_import(run: Run, device_id: str, tmp_path: Path, name: str, text: str) -> None:
    """
    A fleet is imported from either kind of file.
    """
    (tmp_path / name).write_text(text.format(id=device_id))
    ran = run("devices", "import", str(tmp_path / name), "--json")

    assert {"created": 1, "updated": 0, "unchanged": 0} == ran.only
    assert "Gate" == run("devices", "show", device_id, "--json").only["name"]


def test_import_dry_run(run: Run, device_id: str, tmp_path: Path) -> None:
    """
    A dry run says what an import would do; the device is not there afterwards.
    """
    file = tmp_path / "fleet.txt"
    file.write_text(f"deviceId;name\n{device_id};Gate\n")
    ran = run("devices", "import", str(file), "--format", "csv", "--dry-run", "--json")

    assert {"created": 1, "updated": 0, "unchanged": 0, "dryRun": True} == ran.only
    assert 1 == run("devices", "show", device_id).code


def test_import_wrong_lines(run: Run, device_id: str, tmp_path: Path) -> None:
    """
    Each wrong line is told on a line of its own, as editors and compilers do.
    """
    file = tmp_path / "fleet.csv"
    file.write_text(f"deviceId,hold\n{device_id},x\ny,1\n")
    ran = run("devices", "import", str(file))

    first, second, summary = ran.err.splitlines()
    assert 1 == ran.code
    assert first.startswith(f"{file}:2: ")
    assert first.endswith("(/hold)")
    assert second.startswith(f"{file}:3: ")
    assert "pushserver: 2 lines are wrong; nothing was imported." == summary


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (1, "1 line is wrong; nothing was imported."),
        (99, "99 lines are wrong; nothing was imported."),
        (200, "100 lines are wrong at least; nothing was imported."),
    ],
)
def test_import_is_told_once(
    run: Run, tmp_path: Path, wrong: int, expected: str
) -> None:
    """
    A wrong line is told once, however many there are, and below it how many those are.
    """
    file = tmp_path / "fleet.csv"
    file.write_text("deviceId\n" + "y\n" * wrong)
    lines = run("devices", "import", str(file)).err.splitlines()

    assert f"pushserver: {expected}" == lines[-1]
    assert [*range(2, min(wrong, 100) + 2)] == [
        int(line.removeprefix(f"{file}:").partition(":")[0]) for line in lines[:-1]
    ]


def test_import_from_stdin(
    run: Run, device_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A fleet comes from the standard input; each line that is wrong is named.
    """
    file = tmp_path / "fleet"
    file.write_text(json.dumps({"deviceId": device_id}) + "\n")
    with file.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert 1 == run("devices", "import", "-", "--json").only["created"]
    file.write_text('{"deviceId": "x"}\n' + '{"deviceId": "5"}\n' + "{\n")
    with file.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        refused = run("devices", "import", "-")

    assert 1 == refused.code
    assert ["-:1:", "-:3:"] == [
        line.split()[0] for line in refused.err.splitlines()[:2]
    ]
    assert 2 == run("devices", "import", "--bogus").code


@pytest.mark.parametrize("name", ["fleet.csv", "fleet.ndjson"])
def test_export(run: Run, device_id: str, tmp_path: Path, name: str) -> None:
    """
    What is exported into a file is imported again from there.
    """
    file, tag = tmp_path / name, f"at:{device_id}"
    run("devices", "add", device_id, "--name", "=1", "--tag", tag, "--hold", "2")
    exported = run("devices", "export", str(file), "--tag", tag)
    run("devices", "remove", device_id, "--yes")
    imported = run("devices", "import", str(file), "--json")
    shown = run("devices", "show", device_id, "--json").only

    assert (0, "") == (exported.code, exported.out)
    assert 0o600 == file.stat().st_mode & 0o777
    assert [file] == list(tmp_path.iterdir())
    assert 1 == imported.only["created"]
    assert ("=1", 2, {"at": device_id}) == (shown["name"], shown["hold"], shown["tags"])


def test_export_refused(run: Run, tmp_path: Path) -> None:
    """
    An export that fails leaves the file as it was.
    """
    file = tmp_path / "fleet.csv"
    file.write_text("as it was")
    ran = run("devices", "export", str(file), "--token", "wrong")

    assert (1, "as it was") == (ran.code, file.read_text())
    assert [file] == list(tmp_path.iterdir())


def test_export_to_standard_output(
    environ: dict[str, str], device_id: str, run: Run
) -> None:
    """
    Without a file the devices are on the standard output.
    """
    run("devices", "add", device_id, "--tag", f"at:{device_id}")
    ran = subprocess.run(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", "pushserver"),
            *("devices", "export", "--tag", f"at:{device_id}"),
        ],
        env={**os.environ, **environ},
        capture_output=True,
        check=True,
    )

    assert device_id == json.loads(ran.stdout)["deviceId"]


def test_two_exports_at_once(tmp_path: Path) -> None:
    """
    Of two files that are written under one name, each is there only when it is whole.
    """
    file = tmp_path / "fleet.csv"
    with open_target(str(file)) as later:
        with open_target(str(file)) as sooner:
            sooner.write(b"all")
            later.write(b"ha")
        assert b"all" == file.read_bytes()
        later.write(b"lf")

    assert b"half" == file.read_bytes()
    assert [file] == [*tmp_path.iterdir()]
    assert 0o600 == file.stat().st_mode & 0o777
