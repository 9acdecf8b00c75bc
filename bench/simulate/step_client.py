"""The load client, driven step by step."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import attrs

from bench import machine
from bench.servers import RunningServer


@attrs.frozen
class StepClient:
    """A load client that waits for what it is to do."""

    process: subprocess.Popen[bytes]

    def run_step(self, step: str, **options: int) -> float:
        """Do a step of `bench.steps`; return how many seconds it took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"step": step} | options).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the load client ended at {step} {options}")
        return float(json.loads(answer)["took"])


@contextlib.contextmanager
def step_client(server: RunningServer) -> Iterator[StepClient]:
    """Run a load client for the length of the block."""
    with machine.pinned_to(machine.LOAD_CORES):
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "bench.load", "step", f"--port={server.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield StepClient(process)
        finally:
            process.stdin.close()
            process.stdout.read()
