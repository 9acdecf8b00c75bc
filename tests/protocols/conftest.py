"""Fixtures: a server for two vendors, and a beacon of the second."""

from collections.abc import AsyncIterator

import attrs
import pytest

from pushserver.composition import PROTOCOLS
from tests.clock import ManualClock
from tests.protocols.beacon import Beacon
from tests.web.local_server import LocalServer, running_server

#: The line that a second vendor takes, as in the composition root.
INSTALLED = (*PROTOCOLS, Beacon())
#: Its id is text, also in the path of a request.
NAME = "lighthouse nº 7"
NAME_IN_PATH = "lighthouse%20n%C2%BA%207"


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server for terminals and beacons."""
    async with running_server(database, clock, installed=INSTALLED) as server:
        yield server


@attrs.frozen
class BeaconDevice:
    """A beacon, and the program that commands it."""

    server: LocalServer
    path: str = NAME_IN_PATH

    async def poll(self) -> list[list[str]]:
        """Poll; return label, word and text of each command."""
        answer = await self.server.request("GET", f"/beacon/{self.path}")
        assert 200 == answer.status
        return [line.split(" ", 2) for line in answer.body.decode().splitlines()]

    async def post(self, *lines: str) -> None:
        """Post what became of commands."""
        data = "\n".join(lines).encode()
        answer = await self.server.request("POST", f"/beacon/{self.path}", data=data)
        assert answer.is_empty

    async def enqueue(self, endpoint: str, text: str = "") -> str:
        """Put a command into the beacon's queue; return its id."""
        command = {"endpoint": endpoint, "body": text}
        enqueued = await self.server.enqueue(command, self.path)
        command_id: str = enqueued["id"]
        return command_id

    async def state(self, command_id: str) -> str:
        """Return where a command stands, with all that was written recorded."""
        await self.server.services.polling.record_written()
        state: str = (await self.server.get_command(command_id))["state"]
        return state


@pytest.fixture(name="beacon")
async def _beacon(server: LocalServer) -> BeaconDevice:
    """Return an adopted beacon."""
    answer = await server.api("PUT", f"/devices/{NAME_IN_PATH}", {})
    assert 201 == answer.status
    return BeaconDevice(server)
