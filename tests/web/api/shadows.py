"""A program that says what should be on devices, and a device that gets it."""

import json
from typing import Any

from tests.web.local_server import DEVICE, LocalServer, Response

DESIRED = {"general": {"language": "pt_BR", "beep_sound_enabled": True}}
ERROR = b'{"error":"Node or attribute not found.","code":7}'


async def patch_shadow(
    server: LocalServer, desired: Any, query: str = "", **headers: str
) -> Response:
    """Patch the desired values of the device."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/devices/{DEVICE}/shadow{query}"
    return await server.api("PATCH", path, desired, headers=named)


async def set_desired(
    server: LocalServer, desired: Any, query: str = ""
) -> dict[str, Any]:
    """Patch the desired values of the device, and return the shadow."""
    answer = await patch_shadow(server, desired, query)
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def get_services(server: LocalServer) -> dict[str, Any]:
    """Return the services of the device."""
    answer = await server.api("GET", f"/devices/{DEVICE}/shadow")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()["services"]
    return payload


async def service_statuses(server: LocalServer) -> dict[str, str]:
    """Return the status of each service of the device."""
    return {
        name: service["status"]
        for name, service in (await get_services(server)).items()
    }


async def run_command(
    server: LocalServer, body: bytes = b'{"response":{}}', device: int = DEVICE
) -> Any:
    """Let the device run the waiting command; return it."""
    polled = await server.poll(f"deviceId={device}")
    if polled.is_empty:
        return None
    await server.post_result(body, f"deviceId={device}")
    await server.services.due_services.reconcile_due()
    await server.services.next_steps.queue_due_steps()
    return polled.json()["body"]


async def refresh(
    server: LocalServer, keys: Any = None, **reported: dict[str, str]
) -> list[Any]:
    """Refresh from a device that has these values; return the commands."""
    answer = await server.api("POST", f"/devices/{DEVICE}/shadow/refresh", keys)
    assert 201 == answer.status, answer.body
    requested = []
    for _ in answer.json()["items"]:
        requested.append(
            await run_command(server, json.dumps({"response": reported}).encode())
        )
    return requested
