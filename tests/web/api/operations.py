"""A program and its device, who do operations."""

from typing import Any

from tests.web.site import DEVICE, Answer, Site

STEP = {"endpoint": "load_objects", "body": {"object": "users"}}
PHOTO = {"endpoint": "user_set_image", "resource": "photo"}
KEY = {"Idempotency-Key": "k1"}


async def begin(site: Site, *steps: Any, **given: Any) -> dict[str, Any]:
    """Begin an operation."""
    wanted = {"deviceId": DEVICE, "steps": list(steps), **given}
    answer = await site.api("POST", "/operations", wanted)
    assert 201 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def shown(site: Site, operation: dict[str, Any]) -> dict[str, Any]:
    """Return how an operation stands."""
    answer = await site.api("GET", f"/operations/{operation['id']}")
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def do_step(site: Site, body: bytes = b'{"response":{}}') -> Answer:
    """Let the device do what waits for it, and the next step be queued."""
    given = await site.push()
    await site.result(body)
    await site.services.operations.go_on()
    return given
