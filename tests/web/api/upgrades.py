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
    """Return the upgrade of all devices to 2.0, with more or something else."""
    return {"targets": ALL, "targetVersion": "2.0", "phases": PHASES, **overrides}


async def post_upgrade(server: LocalServer, **fields: Any) -> Response:
    """Ask for an upgrade."""
    return await server.api("POST", "/upgrades", upgrade_request(**fields))


async def create_upgrade(server: LocalServer, **fields: Any) -> dict[str, Any]:
    """Make an upgrade; it begins."""
    answer = await post_upgrade(server, **fields)
    assert 201 == answer.status, answer.body
    await server.services.task_scheduler.advance()
    payload: dict[str, Any] = answer.json()
    return payload


async def get_upgrade(
    server: LocalServer, upgrade: dict[str, Any], subpath: str = ""
) -> dict[str, Any]:
    """Return how an upgrade stands, or what is below it."""
    answer = await server.api("GET", f"/upgrades/{upgrade['id']}{subpath}")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def change_upgrade(
    server: LocalServer, upgrade: dict[str, Any], action: str
) -> Response:
    """Change an upgrade's course."""
    return await server.api("POST", f"/upgrades/{upgrade['id']}/{action}")


def version_result(number: str) -> bytes:
    """Return the result of a device that has this version."""
    return json.dumps({"response": {"version": number}}).encode()


async def run_steps(server: LocalServer, *bodies: bytes, device: int = 1) -> None:
    """Let a device answer its next steps so, and everything go on."""
    for body in bodies:
        assert not (await server.poll(f"deviceId={device}")).is_empty
        await server.post_result(body, f"deviceId={device}")
        await server.services.operations.queue_due_steps()
        await server.services.task_scheduler.advance()


OLD, NEW = version_result("1.0"), version_result("2.0")
#: What a device answers, from the first step to the last.
SUCCESS = (OLD, b'{"response":{}}', b'{"response":{}}', NEW)
