"""A token that another server revoked, at one that is cut off from the database."""

from collections.abc import AsyncIterator

import pytest

from pushserver.services.cluster_sync import MAX_TOKEN_AGE
from tests.clock import ManualClock
from tests.e2e.faulty_network import FaultyNetwork
from tests.web.local_server import LocalServer, running_server, wait_until

pytestmark = pytest.mark.only_on("postgres")


@pytest.fixture(name="network")
async def _network(database: str) -> AsyncIterator[FaultyNetwork]:
    """Return the network between the second server and the database."""
    async with FaultyNetwork.in_front_of(database) as network:
        yield network


@pytest.fixture(name="cut_off")
async def _cut_off(
    network: FaultyNetwork, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return a second server, behind that network."""
    async with running_server(network.url, clock) as second:
        yield second


async def test_packets_are_swallowed(
    server: LocalServer, cut_off: LocalServer, network: FaultyNetwork
) -> None:
    """
    A second after it last heard, memory is trusted no more, whatever was revoked.
    """
    secret = await server.create_token("tokens:write")
    tokens = (await server.api("GET", "/tokens")).json()["items"]
    token_id = next(each["id"] for each in tokens if each["name"] == "of a test")
    before = await cut_off.api("GET", "/tokens", token=secret)
    network.flowing.clear()
    await server.api("DELETE", f"/tokens/{token_id}")
    await wait_until(lambda: not cut_off.services.store.is_up_to_date(MAX_TOKEN_AGE))

    after = await cut_off.api("GET", "/tokens", token=secret)
    network.flowing.set()

    assert 200 == before.status
    assert after.status in (401, 503)


async def test_while_the_network_is_well(
    server: LocalServer, cut_off: LocalServer
) -> None:
    """
    While the network is well, a server hears from the database at least every second.
    """
    await cut_off.services.store.sync_notices()

    assert cut_off.services.store.is_up_to_date(MAX_TOKEN_AGE)
    assert server.services.store.is_up_to_date(MAX_TOKEN_AGE + 1)


async def test_notice_that_was_not_followed(
    server: LocalServer, cut_off: LocalServer
) -> None:
    """
    What was heard of and not read yet is read before a token is trusted.
    """
    secret = await server.create_token("tokens:write")
    await cut_off.api("GET", "/tokens", token=secret)
    tokens = (await server.api("GET", "/tokens")).json()["items"]
    token_id = next(each["id"] for each in tokens if each["name"] == "of a test")
    await server.api("DELETE", f"/tokens/{token_id}")
    await cut_off.services.store.sync_notices()

    after = await cut_off.api("GET", "/tokens", token=secret)

    assert 401 == after.status
