"""A program that speaks Kapua's REST API, and the operation that it follows."""

import base64
import json
from typing import Any

import attrs

from pushserver.clock import SECOND
from pushserver.model.actor import Actor
from pushserver.model.command_request import OperationRequest
from pushserver.model.operation import OperationDescriptor
from pushserver.services.notifications import ProgressReport
from tests.devices import terminal
from tests.web.local_server import DEVICE, TOKEN, LocalServer, Response


def kapua_id(number: int) -> str:
    """Return a Kapua id, made without the server's own code."""
    size = (number.bit_length() + 8) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")


@attrs.frozen
class KapuaClient:
    """Calls under a base, with a token; none if that is None."""

    server: LocalServer = attrs.field(repr=False)
    base: str = ""
    token: str | None = TOKEN

    async def request(self, method: str, path: str, body: Any = None) -> Response:
        """Send a request; bytes go out as they are, everything else as JSON."""
        options: dict[str, Any] = {"headers": {}}
        if self.token is not None:
            options["headers"]["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body)
            options["headers"]["Content-Type"] = "application/json"
        return await self.server.request(method, self.base + path, **options)

    async def get(self, path: str) -> Any:
        """Return the body at a path; it must be there."""
        answer = await self.request("GET", path)
        assert 200 == answer.status, answer.body
        assert "application/json" == answer.headers["Content-Type"]
        return answer.json()

    async def ids(self, path: str) -> list[str]:
        """Return the ids of a list."""
        return [item["id"] for item in (await self.get(path))["items"]]

    async def error(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return an error's body, its status as a number."""
        answer = await self.request(method, path, body)
        assert "application/json" == answer.headers["Content-Type"]
        payload: dict[str, Any] = answer.json()
        assert answer.status == payload["httpErrorCode"]
        return payload


@attrs.frozen
class KapuaOperation:
    """An operation on a device, and where Kapua's clients find it."""

    server: LocalServer = attrs.field(repr=False)
    operation_id: int
    device: int = DEVICE

    @property
    def id(self) -> str:
        """Its Kapua id."""
        return kapua_id(self.operation_id)

    @property
    def operations(self) -> str:
        """Where the device's operations are."""
        return f"/AQ/devices/{kapua_id(self.device)}/operations"

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{self.operations}/{self.id}"

    @property
    def notifications(self) -> str:
        """Where its notifications are."""
        return f"{self.path}/notifications"

    async def post_notification(self, progress: int, **fields: Any) -> str:
        """Post a notification, a second later; return its Kapua id."""
        self.server.clock.tick(1)
        sent_at = self.server.clock.now() - SECOND // 16
        defaults: dict[str, Any] = {"resource": "download", "sent_at": sent_at}
        created = await self.server.services.notifications.add(
            1,
            self.operation_id,
            ProgressReport(progress=progress, **defaults | fields),
            actor=Actor(token_id=2, name="program"),
        )
        return kapua_id(created.id)


async def create_operation(
    server: LocalServer, device: int = DEVICE, **label: Any
) -> KapuaOperation:
    """Adopt a device, and create an operation without steps on it, a second later."""
    await server.services.fleet.adopt(1, terminal(device))
    server.clock.tick(1)
    plan = OperationRequest(
        step_requests=[], label=OperationDescriptor(**{"resource": "DOWNLOAD"} | label)
    )
    created = await server.services.operations.create(
        device, plan, lambda *_: b"", scope_id=1, created_by=Actor(2, "two")
    )
    assert created.operation is not None
    return KapuaOperation(server, created.operation.id, device)
