"""A program that creates subscriptions and reads them."""

from typing import Any

from tests.web.local_server import LocalServer

UNREACHABLE = "http://127.0.0.1:1/hook"
REQUEST = {"url": UNREACHABLE, "events": ["command.status"]}
EVENT_NAMES = [
    "command.status",
    "device.identityConflict",
    "device.identityMismatch",
    "device.offline",
    "device.online",
    "device.quarantined",
    "operation.finished",
    "operation.progress",
    "result.orphaned",
    "task.finished",
]


async def create_subscription(server: LocalServer, **fields: Any) -> dict[str, Any]:
    """Create a plain subscription, except for *fields*."""
    answer = await server.api("POST", "/subscriptions", {**REQUEST, **fields})
    assert 201 == answer.status, answer.body
    created: dict[str, Any] = answer.json()
    return created


async def get_subscription(
    server: LocalServer, subscription: dict[str, Any]
) -> dict[str, Any]:
    """Return a subscription as it is now."""
    payload: dict[str, Any] = (
        await server.api("GET", f"/subscriptions/{subscription['id']}")
    ).json()
    return payload
