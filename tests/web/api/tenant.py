"""A tenant of the server: a scope with one of everything in it."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.model.scope import FIRST_SCOPE
from tests.web.api.upgrades import PHASES
from tests.web.site import DEVICE, TOKEN, Answer, Site

#: Where nobody receives anything.
NOBODY = "http://127.0.0.1:1"


@attrs.frozen
class Tenant:
    """
    Who calls with the token of a scope.

    `ids` are those of his things, under the names that routes have for them. `marks`
    are his ids, names and texts: they occur in nothing that is somebody else's.
    """

    site: Site
    token: str
    ids: Mapping[str, str]
    marks: frozenset[str]

    @property
    def scope_id(self) -> str:
        """The id of his scope."""
        return self.ids["scope_id"]

    async def api(self, method: str, path: str, body: Any = None) -> Answer:
        """Call the API with his token."""
        return await self.site.api(method, path, body, token=self.token)


async def newcomer(site: Site, name: str) -> Tenant:
    """Make a scope in which there is nothing yet."""
    made = (await site.api("POST", "/scopes", {"name": f"{name}-scope"})).json()
    ids = {"scope_id": made["id"]}
    return Tenant(site, made["token"], ids, frozenset({made["id"], made["name"]}))


def first(site: Site) -> Tenant:
    """Return the first scope, whose id is too short to be a mark."""
    return Tenant(site, TOKEN, {"scope_id": str(FIRST_SCOPE)}, frozenset())


async def settled(tenant: Tenant, name: str, number: int) -> Tenant:
    """
    Give a tenant a device, commands in several states, results and a token.

    Also a shadow, an operation of which something was told, two tasks, two upgrades,
    and a subscription that nobody receives.
    """
    site, device = tenant.site, str(DEVICE + number)
    subscription = await _subscription(tenant, name)
    about = {"name": f"{name}-door", "tags": {"owner": f"{name}-tag"}}
    await tenant.api("PUT", f"/devices/{device}", about)
    finished = await _order(tenant, device, name)
    await site.push(f"deviceId={device}&uuid={name}-u1")
    body = json.dumps({"response": f"{name}-answer"}).encode()
    await site.result(body, f"deviceId={device}&uuid={name}-u1")
    await site.result(body, f"deviceId={device}&uuid={name}-u0")
    await site.call("POST", f"/api/notifications/{name}-stray?deviceId={device}")
    desired = {f"{name}_service".replace("-", "_"): {"x": f"{name}-desired"}}
    await tenant.api("PATCH", f"/devices/{device}/shadow", desired)
    await site.push(f"deviceId={device}&uuid={name}-u1b")
    await site.result(body, f"deviceId={device}&uuid={name}-u1b")
    sent = await _order(tenant, device, name)
    await site.push(f"deviceId={device}&uuid={name}-u2")
    made = {"name": f"{name}-token", "permissions": ["results:read"]}
    token = (await tenant.api("POST", "/tokens", made)).json()
    results = (await tenant.api("GET", "/results")).json()["items"]
    paused = await _task(tenant, device, name)
    await tenant.api("POST", f"/tasks/{paused}/pause")
    upgrade_paused = await _upgrade(tenant, device, name)
    await tenant.api("POST", f"/upgrades/{upgrade_paused}/pause")
    await site.deliver()
    path = f"/subscriptions/{subscription}/deliveries"
    deliveries = (await tenant.api("GET", path)).json()["items"]
    ids = {
        **tenant.ids,
        "device_id": device,
        "subscription_id": subscription,
        "delivery_id": deliveries[0]["id"],
        "finished": finished,
        "sent": sent,
        "pending": await _order(tenant, device, name),
        "result_id": results[0]["id"],
        "orphan_id": results[1]["id"],
        "token_id": token["id"],
        "operation_id": await _operation(tenant, device, name),
        "running": await _task(tenant, device, name),
        "paused": paused,
        "upgrading": await _upgrade(tenant, device, name),
        "upgradePaused": upgrade_paused,
        "tag": f"owner:{name}-tag",
        "owner": f"{name}-tag",
        "resource": f"{name}-resource",
    }
    numbers = {v for k, v in ids.items() if k != "scope_id" and v.isdigit()}
    return attrs.evolve(tenant, ids=ids, marks=tenant.marks | numbers | {f"{name}-"})


async def _order(tenant: Tenant, device: str, name: str) -> str:
    command = {"endpoint": "load_objects", "metadata": f"{name}-metadata"}
    answer = await tenant.api("POST", f"/devices/{device}/commands", command)
    return str(answer.json()["id"])


async def _subscription(tenant: Tenant, name: str) -> str:
    wanted = {
        "url": f"{NOBODY}/{name}-hook",
        "events": ["command.status"],
        "description": f"{name}-description",
        "appId": f"{name}-app",
        "headers": {"X-Owner": f"{name}-header"},
    }
    return str((await tenant.api("POST", "/subscriptions", wanted)).json()["id"])


async def _operation(tenant: Tenant, device: str, name: str) -> str:
    about = {"deviceId": device, "resource": f"{name}-resource"}
    made = (await tenant.api("POST", "/operations", about)).json()
    told = {"progress": 5, "message": f"{name}-told"}
    await tenant.api("POST", f"/operations/{made['id']}/notifications", told)
    return str(made["id"])


async def _task(tenant: Tenant, device: str, name: str) -> str:
    wanted = {
        "name": f"{name}-task",
        "targets": {"deviceIds": [device]},
        "steps": [{"endpoint": "reboot", "resource": f"{name}-step"}],
    }
    return str((await tenant.api("POST", "/tasks", wanted)).json()["id"])


async def _upgrade(tenant: Tenant, device: str, name: str) -> str:
    wanted = {
        "name": f"{name}-upgrade",
        "targets": {"deviceIds": [device]},
        "targetVersion": f"{name}-version",
        "phases": PHASES,
    }
    return str((await tenant.api("POST", "/upgrades", wanted)).json()["id"])
