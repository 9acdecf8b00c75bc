"""Fixtures in front of the real program: its API, and devices that call it."""

import resource
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from pushserver.client import Client
from pushserver.simulate import DeviceHttpClient, Quirks, SimulatedDevice
from tests.program import Program

#: A deviceId as real ones are; it exceeds 2^53.
DEVICE = 4408801109440198
#: Connections of one test, at most.
_MANY = 6000
#: Makes a simulated device of this id, with these habits, in front of the program.
MakeDevice = Callable[..., SimulatedDevice]


@pytest.fixture(name="api")
async def _api(server: Program) -> AsyncIterator[Client]:
    """Return the server's API, with the administrator's token."""
    async with Client(server.url, server.token, retry_for=0) as client:
        yield client


@pytest.fixture(name="session")
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return the HTTP session of devices."""
    async with aiohttp.ClientSession() as session:
        # A device does not repeat a poll behind its own back.
        session._retry_connection = False
        yield session


@pytest.fixture(name="files")
def _files() -> Iterator[None]:
    """Let this process have a file for each of many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, _MANY + 1000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(name="device_of")
def _device_of(session: aiohttp.ClientSession) -> MakeDevice:
    """Make devices; their server may be restarted in between."""

    def make(
        program: Program, device_id: int = DEVICE, **habits: Any
    ) -> SimulatedDevice:
        line = DeviceHttpClient(
            server=program.url, session=session, quirks=Quirks(**habits)
        )
        return SimulatedDevice(device_id=device_id, http=line)

    return make
