"""A program that makes subscriptions, and looks at them."""

from typing import Any

from tests.web.site import Site

URL = "http://127.0.0.1:1/hook"
PLAIN = {"url": URL, "events": ["command.status"]}
ALL = [
    "command.status",
    "device.identityMismatch",
    "device.offline",
    "device.online",
    "device.quarantined",
    "operation.finished",
    "operation.progress",
    "result.orphaned",
    "task.finished",
]


async def make(site: Site, **fields: Any) -> dict[str, Any]:
    """Make a subscription, a plain one but for *fields*."""
    answer = await site.api("POST", "/subscriptions", {**PLAIN, **fields})
    assert 201 == answer.status, answer.body
    made: dict[str, Any] = answer.json()
    return made


async def shown(site: Site, made: dict[str, Any]) -> dict[str, Any]:
    """Return a subscription as it is now."""
    told: dict[str, Any] = (
        await site.api("GET", f"/subscriptions/{made['id']}")
    ).json()
    return told
