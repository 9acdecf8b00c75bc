"""A program and its fleet, which is upgraded."""

import json
from typing import Any

from tests.web.api.tasks import ALL
from tests.web.site import Answer, Site

VERIFY = {"endpoint": "system_information"}
LOAD, INSTALL = {"endpoint": "firmware_load"}, {"endpoint": "firmware_install"}
PHASES: dict[str, Any] = {
    "download": [LOAD],
    "apply": [INSTALL],
    "verify": {"command": VERIFY, "versionPointer": "/version"},
}
ERROR = b'{"error":"disk full","code":17}'


def wanted(**given: Any) -> dict[str, Any]:
    """Return the upgrade of all devices to 2.0, with more or something else."""
    return {"targets": ALL, "targetVersion": "2.0", "phases": PHASES, **given}


async def ask(site: Site, **given: Any) -> Answer:
    """Ask for an upgrade."""
    return await site.api("POST", "/upgrades", wanted(**given))


async def make(site: Site, **given: Any) -> dict[str, Any]:
    """Make an upgrade; it begins."""
    answer = await ask(site, **given)
    assert 201 == answer.status, answer.body
    await site.services.rollout.advance()
    told: dict[str, Any] = answer.json()
    return told


async def shown(site: Site, upgrade: dict[str, Any], more: str = "") -> dict[str, Any]:
    """Return how an upgrade stands, or what is below it."""
    answer = await site.api("GET", f"/upgrades/{upgrade['id']}{more}")
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def move(site: Site, upgrade: dict[str, Any], how: str) -> Answer:
    """Change an upgrade's course."""
    return await site.api("POST", f"/upgrades/{upgrade['id']}/{how}")


def version(number: str) -> bytes:
    """Return the result of a device that has this version."""
    return json.dumps({"response": {"version": number}}).encode()


async def go(site: Site, *bodies: bytes, device: int = 1) -> None:
    """Let a device answer its next steps so, and everything go on."""
    for body in bodies:
        assert not (await site.push(f"deviceId={device}")).is_empty
        await site.result(body, f"deviceId={device}")
        await site.services.operations.go_on()
        await site.services.rollout.advance()


OLD, NEW = version("1.0"), version("2.0")
#: What a device answers, from the first step to the last.
SUCCESS = (OLD, b'{"response":{}}', b'{"response":{}}', NEW)
