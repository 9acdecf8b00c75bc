"""Simulated devices in front of a real server."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from pushserver.client import Client
from pushserver.simulate import DeviceHttpClient, Quirks, SimulatedDevice
from tests.program import Program

#: Makes a device with the habits given.
MakeDevice = Callable[..., SimulatedDevice]


@pytest.fixture(name="server", scope="package")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for all tests here: each has a device of its own."""
    program = Program(tmp_path_factory.mktemp("server"))
    program.start()
    yield program
    program.stop()


@pytest.fixture(name="api")
async def _api(server: Program) -> AsyncIterator[Client]:
    """The server's API, with the administrator's token."""
    async with Client(server.url, server.token) as client:
        yield client


@pytest.fixture(name="device_with")
async def _device_with(server: Program) -> AsyncIterator[MakeDevice]:
    """Makes a device with the habits given."""
    async with aiohttp.ClientSession() as session:

        def make(**habits: Any) -> SimulatedDevice:
            line = DeviceHttpClient(
                server=server.url,
                session=session,
                quirks=Quirks(**habits),
                prefix="x/y",
            )
            return SimulatedDevice(device_id=secrets.randbelow(2**62), http=line)

        yield make
