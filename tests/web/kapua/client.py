"""A program that talks Kapua's REST API, and the work on a device that it looks at."""

import base64
import json
from typing import Any

import attrs

from pushserver.clock import SECOND
from pushserver.model.draft import Plan
from pushserver.model.operation import Label
from pushserver.services.notifications import Told
from tests.web.site import DEVICE, TOKEN, Answer, Site


def kapua_id(number: int) -> str:
    """Return a Kapua id, made without the server's own code."""
    size = (number.bit_length() + 8) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")


@attrs.frozen
class Kapua:
    """Calls under a base, with a token; none if that is None."""

    site: Site = attrs.field(repr=False)
    base: str = ""
    token: str | None = TOKEN

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request; bytes go out as they are, everything else as JSON."""
        how: dict[str, Any] = {"headers": {}}
        if self.token is not None:
            how["headers"]["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            how["data"] = body if isinstance(body, bytes) else json.dumps(body)
            how["headers"]["Content-Type"] = "application/json"
        return await self.site.call(method, self.base + path, **how)

    async def get(self, path: str) -> Any:
        """Return what there is at a path; it must be there."""
        answer = await self.ask("GET", path)
        assert 200 == answer.status, answer.body
        assert "application/json" == answer.headers["Content-Type"]
        return answer.json()

    async def ids(self, path: str) -> list[str]:
        """Return the ids of a list."""
        return [item["id"] for item in (await self.get(path))["items"]]

    async def error(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Return an error, whose status is in it as a number."""
        answer = await self.ask(method, path, body)
        assert "application/json" == answer.headers["Content-Type"]
        told: dict[str, Any] = answer.json()
        assert answer.status == told["httpErrorCode"]
        return told


@attrs.frozen
class Work:
    """An operation on a device, and where Kapua's clients find it."""

    site: Site = attrs.field(repr=False)
    number: int
    device: int = DEVICE

    @property
    def id(self) -> str:
        """Its Kapua id."""
        return kapua_id(self.number)

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

    async def tell(self, progress: int, **told: Any) -> str:
        """Tell of it, a second later; return the notification's Kapua id."""
        self.site.clock.tick(1)
        sent_at = self.site.clock.now() - SECOND // 16
        usual: dict[str, Any] = {"resource": "download", "sent_at": sent_at}
        made = await self.site.services.notifications.tell(
            1, self.number, Told(progress=progress, **usual | told), by=2
        )
        return kapua_id(made.id)


async def begin(site: Site, device: int = DEVICE, **label: Any) -> Work:
    """Begin an operation without steps, a second later."""
    site.clock.tick(1)
    plan = Plan(drafts=[], label=Label(**{"resource": "DOWNLOAD"} | label))
    begun = await site.services.operations.begin(
        device, plan, lambda *_: b"", scope_id=1, by=2
    )
    assert begun.operation is not None
    return Work(site, begun.operation.id, device)
