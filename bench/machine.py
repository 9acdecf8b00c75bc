"""The machine: which core is whose, what a process holds, and what to say about it."""

import contextlib
import os
import platform
import resource
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.wire import HOST


def _cores() -> list[int]:
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


#: What tells whether a commit costs anything.
FILE_SYSTEM = "file system of the databases"
# Not /tmp, which many systems keep in memory, where a sync costs nothing.
DISK = os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108 - a new folder inside it
CORES = _cores()
SERVER_CORES = frozenset(CORES[:1])
LOAD_CORES = frozenset(CORES[1:2] or CORES[:1])


@contextlib.contextmanager
def folder_on_disk() -> Iterator[Path]:
    """Give a new folder for databases, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pushserver-bench-", dir=DISK) as folder:
        yield Path(folder)


@contextlib.contextmanager
def pinned_to(cores: frozenset[int]) -> Iterator[None]:
    """Have what is started in the block, with all its threads, run on *cores* only."""
    if not cores:
        yield
        return
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def allow_open_files() -> None:
    """Raise this process's limit, and so its children's, as far as it may go."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def processor_seconds(process_id: int) -> float:
    """Return what a process, with all its threads, used of processors until now."""
    threads = Path(f"/proc/{process_id}/task").glob("*/schedstat")
    # In nanoseconds, where `stat` has hundredths of a second.
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def family(process_id: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents = dict(_parents())
    found = [process_id]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Yield every process of the machine with its parent."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            # What is before the last bracket is the command's name.
            _, parent, *_ = stat.read_text().rpartition(")")[2].split()
            yield int(stat.parent.name), int(parent)


def resident_bytes(process_id: int) -> int:
    """Return how much memory a process holds."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"no VmRSS for process {process_id}")


def describe(folder: Path) -> Mapping[str, str]:
    """Return what a reader must know of the machine to judge the numbers."""
    return {
        "processor": _processor(),
        "cores": f"{len(CORES)} (server on {_format_cores(SERVER_CORES)}, load on "
        f"{_format_cores(LOAD_CORES)})",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "aiosqlite": version("aiosqlite"),
        "event loop": _event_loop(),
        "SQLite": sqlite3.sqlite_version,
        FILE_SYSTEM: _file_system(folder),
    }


def _format_cores(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores))) or "any"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _event_loop() -> str:
    try:
        return f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        return "asyncio"


def _file_system(folder: Path) -> str:
    answer = subprocess.run(  # noqa: S603 - nothing in it comes from outside
        ["stat", "-f", "-c", "%T", folder],  # noqa: S607 - wherever coreutils are
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or "unknown"
