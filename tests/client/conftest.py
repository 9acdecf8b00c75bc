"""A program for all tests of the client here, and a device of its own for each."""

import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.request import Request, urlopen

import aiohttp
import pytest

from pushserver.simulate import DeviceHttpClient, SimulatedDevice
from tests.program import Program


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for the tests of a module."""
    program = Program(tmp_path_factory.mktemp("server"))
    program.start()
    have_events_written(program)
    yield program
    program.stop()


@pytest.fixture(name="device_id")
def _device_id() -> str:
    """Return the id of a terminal that the server does not know yet."""
    return str(secrets.randbelow(2**62))


@pytest.fixture(name="http")
async def _http() -> AsyncIterator[aiohttp.ClientSession]:
    """Return the HTTP session of devices."""
    async with aiohttp.ClientSession() as session:
        yield session


async def answer_one(url: str, device_id: str, http: aiohttp.ClientSession) -> None:
    """Let a terminal poll for its next command and answer it."""
    line = DeviceHttpClient(server=url, session=http)
    device = SimulatedDevice(device_id=int(device_id), http=line)
    await device.execute_and_post(await device.poll_command())


def have_events_written(program: Program) -> None:
    """Begin to read events: for ten minutes more they are written for readers."""
    headers = {"Authorization": f"Bearer {program.token}"}
    url = f"{program.url}/api/v1/events"
    urlopen(Request(url, headers=headers)).close()  # noqa: S310 - our own program
