"""A wall clock of the real program that a test sets: a library before libc."""

import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

_COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(
    _COMPILER is None, reason="a C compiler makes the wall clock"
)


@attrs.frozen
class WallClock:
    """The wall clock of the programs that are started with `environ`."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """What the program has to be started with."""
        return {"LD_PRELOAD": str(self._library), "WALL_AHEAD": str(self._file)}

    @property
    def _library(self) -> Path:
        return self.folder / "wall.so"

    @property
    def _file(self) -> Path:
        return self.folder / "ahead"

    def make(self) -> None:
        """Compile the library."""
        source = Path(__file__).with_name("wall.c")
        arguments = ("-shared", "-fPIC", "-O2", "-o", str(self._library), str(source))
        subprocess.run(  # noqa: S603 - our own source
            [_COMPILER or "cc", *arguments, "-ldl"], check=True
        )
        self.set_ahead(0)

    def set_ahead(self, seconds: int) -> None:
        """Let it be so far ahead; programs that run see it at once."""
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))


def seconds_after(instant: str) -> float:
    """Return by how many seconds the real time is after what a program wrote."""
    return time.time() - datetime.fromisoformat(instant).astimezone(UTC).timestamp()
