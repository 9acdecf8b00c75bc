"""Processes that are forked from one that has imported the program already."""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import attrs

#: What a server imports by the time that it listens.
IMPORTS = [
    "pushserver.app",
    "pushserver.cli.serve",
    "pushserver.server_process",
    "pushserver.client",
    "pushserver.settings_loading",
    "pushserver.storage.postgres.store",
    "pushserver.supervisor",
    # Where it is installed, as here, typed-settings looks into it.
    "pydantic.type_adapter",
    "pydantic.types",
    "uvloop",
]
_ROOT = Path(__file__).parents[1]


@attrs.frozen
class ForkedProcess:
    """Such a process, to be used like a `subprocess.Popen`."""

    _process: BaseProcess

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait until it ends, and return its exit code."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("pushserver", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        pid = self._process.pid
        if self.poll() is None and pid is not None:
            os.kill(pid, number)


def fork_program(environ: Mapping[str, str], log: Path) -> ForkedProcess:
    """Do what `python -m pushserver serve` does, in a process of its own."""
    process = _fork_server().Process(target=_serve, args=(dict(environ), log))
    process.start()
    return ForkedProcess(process)


@cache
def _fork_server() -> ForkServerContext:
    """Start what forks: a process without threads, so that nothing is held half-way."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*IMPORTS, __name__, "tests.frozen"])
    # It looks for modules where it starts.
    with chdir(_ROOT):
        forkserver.ensure_running()
    return context


def _serve(environ: Mapping[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environ)
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.argv[1:] = ["serve"]
    try:
        runpy.run_module("pushserver", run_name="__main__", alter_sys=True)
    finally:
        # It ends without these: multiprocessing calls only its own.
        atexit._run_exitfuncs()
