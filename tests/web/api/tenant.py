"""A tenant of the server: a scope with one of everything in it."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.web.api.upgrades import PHASES
from tests.web.local_server import DEVICE, TOKEN, LocalServer, Response

#: Where nobody receives anything.
UNREACHABLE = "http://127.0.0.1:1"


@attrs.frozen
class Tenant:
    """
    A caller with the token of a scope.

    `ids` are those of his things, under the names that routes have for them. `marks`
    are his ids, names and texts: they occur in nothing that is somebody else's.
    """

    server: LocalServer
    token: str
    ids: Mapping[str, str]
    marks: frozenset[str]

    @property
    def scope_id(self) -> str:
        """The id of its scope."""
        return self.ids["scope_id"]

    async def api(self, method: str, path: str, body: Any = None) -> Response:
        """Call the API with its token."""
        return await self.server.api(method, path, body, token=self.token)


async def empty_tenant(server: LocalServer, name: str) -> Tenant:
    """Create a scope in which there is nothing yet."""
    created = (await server.api("POST", "/scopes", {"name": f"{name}-scope"})).json()
    ids = {"scope_id": created["id"]}
    return Tenant(
        server, created["token"], ids, frozenset({created["id"], created["name"]})
    )


def first_tenant(server: LocalServer) -> Tenant:
    """Return the first scope, whose id is too short to be a mark."""
    return Tenant(server, TOKEN, {"scope_id": str(DEFAULT_SCOPE_ID)}, frozenset())


async def populated_tenant(tenant: Tenant, name: str, number: int) -> Tenant:
    """
    Give a tenant a device, commands in several states, results and a token.

    Also a shadow, an operation of which something was told, two tasks, two upgrades,
    a blob, and a subscription that nobody receives.
    """
    server, device = tenant.server, str(DEVICE + number)
    subscription = await _create_subscription(tenant, name)
    device_fields = {"name": f"{name}-door", "tags": {"owner": f"{name}-tag"}}
    await tenant.api("PUT", f"/devices/{device}", device_fields)
    finished = await _enqueue(tenant, device, name)
    await server.poll(f"deviceId={device}&uuid={name}-u1")
    body = json.dumps({"response": f"{name}-answer"}).encode()
    await server.post_result(body, f"deviceId={device}&uuid={name}-u1")
    await server.post_result(body, f"deviceId={device}&uuid={name}-u0")
    await server.request("POST", f"/api/notifications/{name}-stray?deviceId={device}")
    desired = {f"{name}_service".replace("-", "_"): {"x": f"{name}-desired"}}
    await tenant.api("PATCH", f"/devices/{device}/shadow", desired)
    await server.poll(f"deviceId={device}&uuid={name}-u1b")
    await server.post_result(body, f"deviceId={device}&uuid={name}-u1b")
    sent = await _enqueue(tenant, device, name)
    await server.poll(f"deviceId={device}&uuid={name}-u2")
    token_request = {"name": f"{name}-token", "permissions": ["results:read"]}
    token = (await tenant.api("POST", "/tokens", token_request)).json()
    results = (await tenant.api("GET", "/results")).json()["items"]
    paused = await _create_task(tenant, device, name)
    await tenant.api("POST", f"/tasks/{paused}/pause")
    upgrade_paused = await _create_upgrade(tenant, device, name)
    await tenant.api("POST", f"/upgrades/{upgrade_paused}/pause")
    await server.deliver_webhooks()
    path = f"/subscriptions/{subscription}/deliveries"
    deliveries = (await tenant.api("GET", path)).json()["items"]
    ids = {
        **tenant.ids,
        "device_id": device,
        "subscription_id": subscription,
        "delivery_id": deliveries[0]["id"],
        "finished": finished,
        "sent": sent,
        "pending": await _enqueue(tenant, device, name),
        "held": await _hold(tenant, device, name),
        "result_id": results[0]["id"],
        "orphan_id": results[1]["id"],
        "token_id": token["id"],
        "operation_id": await _create_operation(tenant, device, name),
        "running": await _create_task(tenant, device, name),
        "paused": paused,
        "upgrading": await _create_upgrade(tenant, device, name),
        "upgradePaused": upgrade_paused,
        "tag": f"owner:{name}-tag",
        "owner": f"{name}-tag",
        "blob_id": await _upload(tenant, name),
        "resource": f"{name}-resource",
    }
    numbers = {v for k, v in ids.items() if k != "scope_id" and v.isdigit()}
    return attrs.evolve(tenant, ids=ids, marks=tenant.marks | numbers | {f"{name}-"})


async def _enqueue(tenant: Tenant, device: str, name: str) -> str:
    command = {"endpoint": "load_objects", "metadata": f"{name}-metadata"}
    answer = await tenant.api("POST", f"/devices/{device}/commands", command)
    return str(answer.json()["id"])


async def _hold(tenant: Tenant, device: str, name: str) -> str:
    """Return a command that is held, as after a restore."""
    command = {"endpoint": "execute_actions", "metadata": f"{name}-held"}
    answer = await tenant.api("POST", f"/devices/{device}/commands", command)
    await tenant.server.services.held_commands.hold_all()
    return str(answer.json()["id"])


async def _create_subscription(tenant: Tenant, name: str) -> str:
    request = {
        "url": f"{UNREACHABLE}/{name}-hook",
        "events": ["command.status"],
        "description": f"{name}-description",
        "appId": f"{name}-app",
        "headers": {"X-Owner": f"{name}-header"},
    }
    return str((await tenant.api("POST", "/subscriptions", request)).json()["id"])


async def _upload(tenant: Tenant, name: str) -> str:
    answer = await tenant.server.api(
        "POST",
        "/blobs",
        f"{name}-blob".encode(),
        token=tenant.token,
        headers={"Content-Type": "application/octet-stream"},
    )
    return str(answer.json()["id"])


async def _create_operation(tenant: Tenant, device: str, name: str) -> str:
    request = {"deviceId": device, "resource": f"{name}-resource"}
    created = (await tenant.api("POST", "/operations", request)).json()
    notification = {"progress": 5, "message": f"{name}-told"}
    await tenant.api("POST", f"/operations/{created['id']}/notifications", notification)
    return str(created["id"])


async def _create_task(tenant: Tenant, device: str, name: str) -> str:
    request = {
        "name": f"{name}-task",
        "targets": {"deviceIds": [device]},
        "steps": [{"endpoint": "reboot", "resource": f"{name}-step"}],
    }
    return str((await tenant.api("POST", "/tasks", request)).json()["id"])


async def _create_upgrade(tenant: Tenant, device: str, name: str) -> str:
    request = {
        "name": f"{name}-upgrade",
        "targets": {"deviceIds": [device]},
        "targetVersion": f"{name}-version",
        "phases": PHASES,
    }
    return str((await tenant.api("POST", "/upgrades", request)).json()["id"])
