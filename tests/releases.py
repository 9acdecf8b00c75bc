"""Releases of the program, each built and installed in a folder of its own."""

import subprocess
import sys
from pathlib import Path

import attrs

SOURCE = Path(__file__).parents[1]


@attrs.frozen
class Release:
    """A release that is installed in `folder`, with what it needs from here."""

    folder: Path

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What a `Program` is started by to be of this release: of its own folder."""
        return "env", "--chdir", str(self.folder), "PYTHONPATH="

    def run(self, *argv: str) -> str:
        """Run its command line, which has to succeed; return what it printed."""
        command = [*self.wrapper, sys.executable, "-m", "pushserver", *argv]
        return _run(command).stdout


def build_release(source: Path, folder: Path) -> Release:
    """Build the wheel of the tree *source*, and install it in *folder*."""
    wheels, installed = folder / "wheel", folder / "installed"
    build = ["hatchling", "build", "--target", "wheel", "--directory", str(wheels)]
    _run([sys.executable, "-m", *build], source)
    (wheel,) = wheels.glob("pushserver-*.whl")
    pip = ["pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    alone = ["--no-deps", "--no-index", "--target", str(installed), str(wheel)]
    _run([sys.executable, "-m", *pip, *alone])
    return Release(installed)


def copy_revision(revision: str, target: Path) -> Path:
    """Write the tree of a revision of git to *target*, and return it."""
    target.mkdir(parents=True)
    archive = target.with_suffix(".tar")
    git = ["git", "-C", str(SOURCE), "archive", "--output", str(archive), revision]
    _run(git)
    _run(["tar", "--extract", "--file", str(archive), "--directory", str(target)])
    return target


def _run(
    command: list[str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - the tests' own command
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done
