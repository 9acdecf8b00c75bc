"""The units of systemd in deploy/, as its own tools judge them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
#: What a unit may be exposed at most: of 10, and 2 is good.
MAX_EXPOSURE = 2.0


@pytest.fixture(name="units")
def _units(tmp_path: Path) -> list[str]:
    """Return the paths of both units; their program is one that is here."""
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True)
    service = tmp_path / "pushserver.service"
    text = service.read_text("utf-8")
    assert 1 == text.count("/opt/pushserver/bin/pushserver ")
    service.write_text(
        text.replace("/opt/pushserver/bin/pushserver ", f"{sys.executable} ")
    )
    return [str(service), str(tmp_path / "pushserver.socket")]


def analyze(*arguments: str) -> str:
    """Return what `systemd-analyze` says; without it, the test cannot run."""
    path = shutil.which("systemd-analyze")
    if path is None:
        text = "There is no systemd-analyze for the tests: apt-get install systemd"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    done = subprocess.run(  # noqa: S603 - the tests' own command
        [path, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
    )
    ending = f"exit code {done.returncode}" if done.returncode else ""
    return f"{done.stdout}{done.stderr}{ending}"


def test_they_are_right(units: list[str]) -> None:
    """
    systemd finds nothing to say of the units, nor of the drop-in for PostgreSQL.
    """
    assert "" == analyze("verify", *units)


def test_how_exposed_it_is(units: list[str]) -> None:
    """
    systemd rates the service as well secured.
    """
    said = analyze("security", "--offline=true", "--no-pager", units[0])
    (exposure,) = re.findall(r"Overall exposure level .*?: ([\d.]+)", said)

    assert float(exposure) < MAX_EXPOSURE
