"""The client: the API's calls, in groups, over one transport."""

from typing import Self

from pushserver.client.access import AuditCalls, ScopeCalls, TokenCalls
from pushserver.client.answers import ApiResponse, Json
from pushserver.client.blobs import BlobCalls
from pushserver.client.commands import CommandCalls, ResultCalls
from pushserver.client.devices import DeviceCalls, ShadowCalls
from pushserver.client.operations import OperationCalls, TaskCalls, UpgradeCalls
from pushserver.client.subscriptions import EventCalls, SubscriptionCalls
from pushserver.client.transport import Transport


class Client:
    """One server, seen with one token; use it in an `async with` block."""

    def __init__(self, server: str, token: str | None = None) -> None:
        self.server = server
        self._api = api = Transport(server, token)
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

    async def purge(self, before: str, **options: bool) -> Json:
        """Delete a batch of the history before an instant; repeat until it is done."""
        body = {"before": before, **options}
        return await self._api.call("POST", "purge", body=body)

    async def status(self) -> Json:
        """Return what the server is doing, and what it has refused."""
        return await self._api.call("GET", "server")

    async def openapi(self) -> Json:
        """Return the API's description."""
        return await self._api.call("GET", "openapi.json")

    async def probe(self, path: str) -> ApiResponse:
        """Return the answer to *path* at the server's root, whatever its status."""
        return await self._api.send("GET", path)
