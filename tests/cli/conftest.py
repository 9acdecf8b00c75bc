"""The command line in front of a real server, and a device to talk about."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

from pushserver.cli import main
from pushserver.simulate import (
    DeviceHttpClient,
    FleetPlan,
    Journal,
    SimulatedDevice,
    SimulatedFleet,
)
from tests.cli.terminal import Terminal
from tests.program import Program


@attrs.frozen
class RunResult:
    """The exit code and output of one run of the command line."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Return each line of the output, decoded."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def only(self) -> Any:
        """Return the output's one line, decoded."""
        (line,) = self.lines
        return line


#: Runs the command line and returns what it said.
Run = Callable[..., RunResult]
#: Does so in a terminal that is so wide.
RunInTerminal = Callable[..., RunResult]
#: Lets the device have its turn and returns it.
PollOnce = Callable[[], SimulatedDevice]
#: Writes a file of steps: endpoints, and the fields that all of them have.
WriteSteps = Callable[..., str]
#: Lets so many devices poll from this id on.
StartFleet = Callable[..., AbstractContextManager[None]]


@pytest.fixture(name="server", scope="package")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for all tests here: each has a device of its own."""
    program = Program(tmp_path_factory.mktemp("server"))
    program.start()
    yield program
    program.stop()


@pytest.fixture(name="environ")
def _environ(server: Program) -> dict[str, str]:
    """The environment of an administrator of the server."""
    return {"PUSHSERVER_SERVER": server.url, "PUSHSERVER_TOKEN": server.token}


@pytest.fixture(name="run")
def _run(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line as the server's administrator."""

    def run(*argv: str) -> RunResult:
        code = main(argv, environ)
        return RunResult(code, *capsys.readouterr())

    return run


@pytest.fixture(name="run_in_terminal")
def _run_in_terminal(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> RunInTerminal:
    """Runs the command line in a terminal, with variables of its environment."""

    def run(*argv: str, columns: int = 80, **variables: str) -> RunResult:
        with Terminal.as_stdout(columns) as terminal:
            code = main(argv, environ | variables)
        return RunResult(code, terminal.output, capsys.readouterr().err)

    return run


@pytest.fixture(name="device_id")
def _device_id() -> str:
    """The id of a device that the server does not know yet."""
    return str(secrets.randbelow(2**62))


@pytest.fixture(name="poll_once")
def _poll_once(server: Program, device_id: str) -> PollOnce:
    """Let the device poll once and answer the command it gets."""

    async def turn() -> SimulatedDevice:
        async with aiohttp.ClientSession() as session:
            line = DeviceHttpClient(server=server.url, session=session)
            device = SimulatedDevice(device_id=int(device_id), http=line)
            await device.run_once()
            return device

    return lambda: asyncio.run(turn())


@pytest.fixture(name="steps_file")
def _steps_file(tmp_path: Path) -> WriteSteps:
    """Writes a file with one step for each endpoint, and returns its name."""

    def write(*endpoints: str, **fields: Any) -> str:
        steps = [
            {"endpoint": each, "resource": f"the {each}", **fields}
            for each in endpoints
        ]
        file = tmp_path / "steps.json"
        file.write_text(json.dumps(steps))
        return str(file)

    return write


@pytest.fixture(name="fleet")
def _fleet(server: Program) -> StartFleet:
    """Lets devices poll, each by itself, for the duration of the block."""

    @contextmanager
    def fleet(first_id: str, devices: int = 1) -> Iterator[None]:
        plan = FleetPlan(
            server=server.url, first_id=int(first_id), devices=devices, period=0.05
        )
        loop, stop = asyncio.new_event_loop(), asyncio.Event()
        with ThreadPoolExecutor(1) as pool:
            polling = pool.submit(loop.run_until_complete, _polling(plan, stop))
            try:
                yield
            finally:
                loop.call_soon_threadsafe(stop.set)
                polling.result(30)
                loop.close()

    return fleet


async def _polling(plan: FleetPlan, stop: asyncio.Event) -> None:
    async with SimulatedFleet.opened(plan, Journal(keep_entries=False)) as fleet:
        await fleet.run(stop)
