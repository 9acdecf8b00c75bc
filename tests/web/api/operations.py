"""A program and its device, which run operations."""

from typing import Any

from tests.web.local_server import DEVICE, LocalServer, Response

STEP = {"endpoint": "load_objects", "body": {"object": "users"}}
PHOTO = {"endpoint": "user_set_image", "resource": "photo"}
IDEMPOTENCY_HEADER = {"Idempotency-Key": "k1"}


async def create_operation(
    server: LocalServer, *steps: Any, **fields: Any
) -> dict[str, Any]:
    """Create an operation."""
    request = {"deviceId": DEVICE, "steps": list(steps), **fields}
    answer = await server.api("POST", "/operations", request)
    assert 201 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def get_operation(
    server: LocalServer, operation: dict[str, Any]
) -> dict[str, Any]:
    """Return an operation."""
    answer = await server.api("GET", f"/operations/{operation['id']}")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def run_step(server: LocalServer, body: bytes = b'{"response":{}}') -> Response:
    """Let the device run the waiting command, and the next step be queued."""
    polled = await server.poll()
    await server.post_result(body)
    await server.services.next_steps.queue_due_steps()
    return polled
