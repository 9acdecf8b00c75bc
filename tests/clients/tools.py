"""The tools of other languages: where they are, and what they say when they fail."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import pytest

JOURNEYS = Path(__file__).parent / "journeys"
#: Seconds in which a tool is done, also on a busy machine.
_TIMEOUT = 900
_NO_VARIABLES: Mapping[str, str] = {}


def needs(*commands: str) -> pytest.MarkDecorator:
    """Skip a test on machines without these commands; where `CI` is set it fails."""
    missing = [each for each in commands if shutil.which(each) is None]
    is_skipped = bool(missing) and "CI" not in os.environ
    return pytest.mark.skipif(is_skipped, reason=f"there is no {', '.join(missing)}")


def run(
    command: Sequence[str | Path],
    folder: Path,
    variables: Mapping[str, str] = _NO_VARIABLES,
) -> str:
    """Run a command in a folder, with more variables; return what it says."""
    done = subprocess.run(  # noqa: S603 - the tests' own commands
        [str(each) for each in command],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_TIMEOUT,
        check=False,
        text=True,
    )
    assert 0 == done.returncode, done.stdout
    return done.stdout


def generator_jar() -> Path:
    """Return openapi-generator, whose jar has Jackson for Java's clients, too."""
    return Path(str(files("openapi_generator_cli") / "openapi-generator.jar"))


def generate(language: str, description: Path, folder: Path, *options: str) -> Path:
    """Let openapi-generator make a client in a folder, and return that."""
    command: list[str | Path] = ["java", "-jar", generator_jar(), "generate"]
    command += ["-g", language, "-i", description, "-o", folder, *options]
    run(command, description.parent)
    return folder
