"""A disk whose sync takes 2 ms more: a library before libc, made where it is needed."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

COMMITS = 20
#: What `slowsync.c` adds to a sync.
ADDED_SYNC_SECONDS = 0.002


def slow_sync(folder: Path) -> Path:
    """
    Compile the library into *folder* and return its path.

    Raises:
        RuntimeError: no compiler, or SQLite's syncs do not go through the library.
    """
    source, library = Path(__file__).with_name("slowsync.c"), folder / "slowsync.so"
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("the slow disk needs a C compiler: apt-get install gcc")
    arguments = ("-shared", "-fPIC", "-O2", "-o", library, source, "-ldl")
    subprocess.run([compiler, *arguments], check=True)  # noqa: S603 - our own source
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "bench.slowdisk", folder / "proof.db"],
        env=os.environ | {"LD_PRELOAD": str(library)},
        stdout=subprocess.PIPE,
        check=True,
    )
    if float(done.stdout) < COMMITS * ADDED_SYNC_SECONDS:
        raise RuntimeError("the library does not slow SQLite's syncs down")
    return library


def _time_commits(path: str) -> float:
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE proof (n)")
    began = time.perf_counter()
    for n in range(COMMITS):
        database.execute("INSERT INTO proof VALUES (?)", (n,))
        database.commit()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.stdout.write(f"{_time_commits(sys.argv[1])}\n")
