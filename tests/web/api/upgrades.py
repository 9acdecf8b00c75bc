"""A program and its fleet, which is upgraded."""

import json
from typing import Any

from tests.web.api.tasks import ALL
from tests.web.local_server import LocalServer, Response

VERIFY = {"endpoint": "system_information"}
LOAD, INSTALL = {"endpoint": "firmware_load"}, {"endpoint": "firmware_install"}
PHASES: dict[str, Any] = {
    "download": [LOAD],
    "apply": [INSTALL],
    "verify": {"command": VERIFY, "versionPointer": "/version"},
}
ERROR = b'{"error":"disk full","code":17}'


def upgrade_request(**overrides: Any) -> dict[str, Any]:
    """Return a request to upgrade all devices to 2.0, with more or other fields."""
    return {"targets": ALL, "targetVersion": "2.0", "phases": PHASES, **overrides}


async def post_upgrade(server: LocalServer, **fields: Any) -> Response:
    """Post an upgrade."""
    return await server.api("POST", "/upgrades", upgrade_request(**fields))


async def create_upgrade(server: LocalServer, **fields: Any) -> dict[str, Any]:
    """Create an upgrade; it starts."""
    answer = await post_upgrade(server, **fields)
    assert 201 == answer.status, answer.body
    await server.services.task_scheduler.advance()
    payload: dict[str, Any] = answer.json()
    return payload


async def get_upgrade(
    server: LocalServer, upgrade: dict[str, Any], subpath: str = ""
) -> dict[str, Any]:
    """Return an upgrade, or what is below it."""
    answer = await server.api("GET", f"/upgrades/{upgrade['id']}{subpath}")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def change_upgrade(
    server: LocalServer, upgrade: dict[str, Any], action: str
) -> Response:
    """Pause, resume, cancel or retry an upgrade."""
    return await server.api("POST", f"/upgrades/{upgrade['id']}/{action}")


def version_result(number: str) -> bytes:
    """Return the result of a device that has this version."""
    return json.dumps({"response": {"version": number}}).encode()


async def run_steps(server: LocalServer, *bodies: bytes, device: int = 1) -> None:
    """Let a device answer its next steps so, then run the workers."""
    for body in bodies:
        assert not (await server.poll(f"deviceId={device}")).is_empty
        await server.post_result(body, f"deviceId={device}")
        await server.services.next_steps.queue_due_steps()
        await server.services.task_scheduler.advance()


OLD, NEW = version_result("1.0"), version_result("2.0")
#: What a device answers, from the first step to the last.
SUCCESS = (OLD, b'{"response":{}}', b'{"response":{}}', NEW)
