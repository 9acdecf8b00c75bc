"""The client: the API's calls, in groups, over one transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from pushserver.client.access import AuditCalls, ScopeCalls, TokenCalls
from pushserver.client.blobs import BlobCalls
from pushserver.client.commands import CommandCalls, ResultCalls
from pushserver.client.devices import DeviceCalls, ShadowCalls
from pushserver.client.events import EventCalls
from pushserver.client.operations import OperationCalls
from pushserver.client.rollouts import TaskCalls, UpgradeCalls
from pushserver.client.subscriptions import SubscriptionCalls
from pushserver.client.transport import Transport

if TYPE_CHECKING:
    from pushserver.client.answers import ApiResponse
    from pushserver.client.types import (
        Latencies,
        Purge,
        PurgeOptions,
        Server,
        Statistics,
    )

#: Seconds for which a call is sent again whose answer was lost.
RETRY_FOR = 10.0


class Client:
    """
    One server, seen with one token; use it in an `async with` block.

    *server* is an address such as `https://push.example.com/prefix`. Calls that do no
    harm if they come twice are sent again for *retry_for* seconds while the server is
    away: reads, and what has an idempotency key. What makes something is given a key,
    unless it has one. With 0 nothing is sent twice. Of one loop; any number of tasks
    may call at once.

    Raises:
        InvalidServer: *server* is no address of a server.
    """

    def __init__(
        self, server: str, token: str | None = None, *, retry_for: float = RETRY_FOR
    ) -> None:
        self._api = api = Transport(server, token, retry_for)
        self.server = api.server
        self.blobs = BlobCalls(api)
        self.commands = CommandCalls(api)
        self.results = ResultCalls(api)
        self.devices = DeviceCalls(api)
        self.shadows = ShadowCalls(api)
        self.operations = OperationCalls(api)
        self.tasks = TaskCalls(api)
        self.upgrades = UpgradeCalls(api)
        self.subscriptions = SubscriptionCalls(api)
        self.events = EventCalls(api)
        self.tokens = TokenCalls(api)
        self.scopes = ScopeCalls(api)
        self.audit = AuditCalls(api)

    async def __aenter__(self) -> Self:
        self._api.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._api.close()

    async def purge(self, before: str, **options: Unpack[PurgeOptions]) -> Purge:
        """Delete a batch of the history before an instant; repeat until it is done."""
        body = {"before": before, **options}
        return await self._api.call("POST", "purge", body=body)

    async def status(self) -> Server:
        """Return what the server is doing, and what it has refused."""
        return await self._api.call("GET", "server")

    async def latencies(self, period: Literal["hour", "day"] = "hour") -> Latencies:
        """Return how long things took over the last hour, or day."""
        return await self._api.call("GET", "latencies", params={"period": period})

    async def statistics(self) -> Statistics:
        """Return how many devices, commands and rows there are, and the last backup."""
        return await self._api.call("GET", "statistics")

    async def openapi(self) -> dict[str, Any]:
        """Return the API's description."""
        return await self._api.call("GET", "openapi.json")

    async def probe(self, path: str) -> ApiResponse:
        """Return the answer to *path* at the server's root, whatever its status."""
        return await self._api.send("GET", path)
