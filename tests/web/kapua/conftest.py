"""Fixtures: a Kapua client, and an operation to follow."""

import pytest

from tests.web.kapua.client import KapuaClient, KapuaOperation, create_operation
from tests.web.local_server import LocalServer


@pytest.fixture(name="base", params=["", "/v1"])
def _base(request: pytest.FixtureRequest) -> str:
    """Return each base in turn: as Kapua's page prints it, and Kapua's own."""
    base: str = request.param
    return base


@pytest.fixture(name="kapua")
def _kapua(server: LocalServer, base: str) -> KapuaClient:
    """Return a client that may do everything."""
    return KapuaClient(server, base)


@pytest.fixture(name="operation")
async def _operation(server: LocalServer) -> KapuaOperation:
    """Return an operation that runs."""
    return await create_operation(server, app_id="DEPLOY")
