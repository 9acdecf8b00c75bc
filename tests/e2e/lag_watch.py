"""
Watches how long a program lets a cheap request wait, from a process of its own.

A wait counts as far as the program was computing meanwhile: on a busy machine, requests
wait for a processor, too.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import attrs
from yarl import URL

from tests.program import Program

_SCRIPT = """
import glob, socket, sys, time
host, port, pid = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def computed():
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except OSError:
            continue
    return total / 1e9

line = socket.create_connection((host, port))
while True:
    start, used = time.monotonic(), computed()
    line.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    if not line.recv(65536):
        break
    waited = time.monotonic() - start
    print(start, min(waited, computed() - used), flush=True)
    time.sleep(0.005)
"""


@attrs.frozen
class LagWatch:
    """What it saw: since when each request waited, and for how long, in seconds."""

    _output: Path

    @property
    def newest(self) -> float:
        """When the last request began whose wait is known."""
        return max((at for at, _ in self._samples()), default=0.0)

    def worst_since(self, start: float) -> float:
        """Return the longest wait that began after *start* and is over."""
        return max((lag for at, lag in self._samples() if at >= start), default=0.0)

    def _samples(self) -> list[tuple[float, float]]:
        complete = self._output.read_bytes().rpartition(b"\n")[0]
        pairs = (line.split() for line in complete.splitlines())
        return [(float(at), float(lag)) for at, lag in pairs]


@contextmanager
def watching(program: Program) -> Iterator[LagWatch]:
    """Ask every 5 ms for the length of the block."""
    url = URL(program.url)
    with NamedTemporaryFile() as output:
        arguments = [sys.executable, "-c", _SCRIPT, str(url.host), str(url.port)]
        arguments.append(str(program.pid))
        process = subprocess.Popen(arguments, stdout=output)  # noqa: S603 - our own
        try:
            yield LagWatch(Path(output.name))
        finally:
            process.kill()
            process.wait()


def now() -> float:
    """Return the instant, as the watch writes it."""
    return time.monotonic()
