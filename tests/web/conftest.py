"""Fixtures for the faces: a server in this process."""

from collections.abc import AsyncIterator

import pytest

from pushserver.web.fast_connection import FastLaneConnection
from tests.clock import ManualClock
from tests.web.local_server import LocalServer, running_server


@pytest.fixture(name="received")
def _received(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """Return what connections that are opened from now on receive, as it comes."""
    received = bytearray()
    receive = FastLaneConnection.data_received

    def record(connection: FastLaneConnection, data: bytes) -> None:
        receive(connection, data)
        received.extend(data)

    monkeypatch.setattr(FastLaneConnection, "data_received", record)
    return received


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with the default settings."""
    async with running_server(database, clock) as server:
        yield server
