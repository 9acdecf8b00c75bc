"""The command line in front of a real server, and a device to talk about."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import attrs
import pytest

from pushserver.cli import main
from pushserver.simulate import Device, Line
from tests.program import Program


@attrs.frozen
class Ran:
    """What one run of the command line said."""

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
Run = Callable[..., Ran]
#: Lets the device have its turn and returns it.
Turn = Callable[[], Device]


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

    def run(*argv: str) -> Ran:
        code = main(argv, environ)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture(name="device_id")
def _device_id() -> str:
    """The id of a device that the server does not know yet."""
    return str(secrets.randbelow(2**62))


@pytest.fixture(name="turn")
def _turn(server: Program, device_id: str) -> Turn:
    """Lets the device poll once, and answer what it is told."""

    async def turn() -> Device:
        async with aiohttp.ClientSession() as session:
            line = Line(server=server.url, session=session)
            device = Device(device_id=int(device_id), line=line)
            await device.turn()
            return device

    return lambda: asyncio.run(turn())
