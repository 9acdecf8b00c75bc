"""The process that `off_loop` starts: does one piece of work, and writes its result."""

import contextlib
import os
import pickle
import sys

from pushserver.errors import PushServerError

#: The most bytes of memory that it may take: what takes more is given up.
MAX_MEMORY = 2 * 1024 * 1024 * 1024
#: Devices are served first.
_NICENESS = 10


def main(cpu_seconds: int) -> None:
    """Read pickled work from standard input, and write its pickled result."""
    _limit(cpu_seconds)
    function, args = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    try:
        result = function(*args)
    except PushServerError as error:
        result = error
    pickle.dump(result, sys.stdout.buffer)


def _limit(cpu_seconds: int) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every platform

        os.nice(_NICENESS)
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
