"""Fixtures for the API: a server with a fleet."""

import pytest

from tests.web.site import Site


@pytest.fixture(name="fleet")
async def _fleet(site: Site) -> Site:
    """Return a server that knows the devices 1 to 4, of which 1 and 2 are there."""
    for device in (1, 2, 3, 4):
        tags = {"site": "north" if device % 2 else "south"}
        await site.api("PUT", f"/devices/{device}", {"tags": tags})
    for device in (1, 2):
        await site.push(f"deviceId={device}")
    await flush(site)
    return site


async def flush(site: Site) -> None:
    """Have written who was seen, as a worker does."""
    while not site.services.fleet.is_flushed:
        await site.services.fleet.flush()
