"""A device goes to another scope while a command for it is on its way."""

import attrs
import pytest

from pushserver.errors import NotFound
from pushserver.model.actor import SERVER
from pushserver.model.command_request import CommandRequest
from pushserver.model.order import OCTET_STREAM, Order
from pushserver.web.api.enqueue import enqueue_commands
from pushserver.web.api.long_bodies import ParsedCommands
from tests.devices import terminal
from tests.web.api.tenant import Tenant, empty_tenant
from tests.web.local_server import DEVICE, TOKEN, LocalServer

PATH = f"/devices/{DEVICE}"


@attrs.define
class MovingBody:
    """A long body; while it is read, the device moves to another tenant."""

    server: LocalServer
    next_owner: Tenant
    _rest: bytes = b""

    @property
    def size(self) -> int:
        """The number of bytes."""
        return 5

    async def rewind(self) -> None:
        """Go back to the first byte, and let the device move once."""
        self._rest = b"bytes"
        if self.server.services.devices.find_adopted(1, DEVICE) is not None:
            assert 204 == (await self.server.api("DELETE", PATH)).status
            assert 201 == (await self.next_owner.api("PUT", PATH, {})).status

    async def read(self, size: int) -> bytes:
        """Return the next bytes."""
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


@pytest.mark.parametrize("endpoint", ["user_set_image", "execute_actions"])
async def test_moved_in_the_midst(server: LocalServer, endpoint: str) -> None:
    """
    A command whose body was still being kept when its device went to another scope is
    refused: the next owner's device is not handed it, and its bytes are not kept.
    """
    services, next_owner = server.services, await empty_tenant(server, "next")
    assert 201 == (await server.api("PUT", PATH, {})).status
    order = Order(
        verb="POST",
        endpoint=endpoint,
        body=None,
        query_string="",
        content_type=OCTET_STREAM,
    )
    body = MovingBody(server, next_owner)
    parsed = ParsedCommands([CommandRequest(order=order)], False, {0: body})
    token = services.tokens.authenticate(f"Bearer {TOKEN}")

    with pytest.raises(NotFound):
        await enqueue_commands(services, token, terminal(DEVICE), parsed, SERVER, None)

    assert (await server.poll()).is_empty
    assert [] == (await server.api("GET", "/commands")).json()["items"]
    assert 0 == (await services.store.blobs.unused(1)).count
