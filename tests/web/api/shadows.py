"""A program that says what should be on devices, and a device that is told."""

import json
from typing import Any

from tests.web.site import DEVICE, Answer, Site

WANTED = {"general": {"language": "pt_BR", "beep_sound_enabled": True}}
ERROR = b'{"error":"Node or attribute not found.","code":7}'


async def patch(site: Site, desired: Any, query: str = "", **headers: str) -> Answer:
    """Say what is desired of the device."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/devices/{DEVICE}/shadow{query}"
    return await site.api("PATCH", path, desired, headers=named)


async def desire(site: Site, desired: Any, query: str = "") -> dict[str, Any]:
    """Say what is desired of the device, and return the shadow."""
    answer = await patch(site, desired, query)
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def shadow(site: Site) -> dict[str, Any]:
    """Return the services of the device."""
    answer = await site.api("GET", f"/devices/{DEVICE}/shadow")
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()["services"]
    return told


async def statuses(site: Site) -> dict[str, str]:
    """Return how the device's services stand."""
    return {name: told["status"] for name, told in (await shadow(site)).items()}


async def do(site: Site, body: bytes = b'{"response":{}}', device: int = DEVICE) -> Any:
    """Let the device do what waits for it; return what that was."""
    given = await site.push(f"deviceId={device}")
    if given.is_empty:
        return None
    await site.result(body, f"deviceId={device}")
    await site.services.shadows.go_on()
    await site.services.operations.go_on()
    return given.json()["body"]


async def refresh(site: Site, keys: Any = None, **has: dict[str, str]) -> list[Any]:
    """Ask the device, which has this; return what it was asked."""
    answer = await site.api("POST", f"/devices/{DEVICE}/shadow/refresh", keys)
    assert 201 == answer.status, answer.body
    asked = []
    for _ in answer.json()["items"]:
        asked.append(await do(site, json.dumps({"response": has}).encode()))
    return asked
