"""Fixtures: a Kapua client, and an operation to look at."""

import pytest

from tests.web.kapua.client import Kapua, Work, begin
from tests.web.site import Site


@pytest.fixture(name="base", params=["", "/v1"])
def _base(request: pytest.FixtureRequest) -> str:
    """Return each base in turn: as Kapua's page prints it, and Kapua's own."""
    base: str = request.param
    return base


@pytest.fixture(name="kapua")
def _kapua(site: Site, base: str) -> Kapua:
    """Return a client that may do everything."""
    return Kapua(site, base)


@pytest.fixture(name="work")
async def _work(site: Site) -> Work:
    """Return an operation that runs."""
    return await begin(site, app_id="DEPLOY")
