"""Who did it: each act is in the audit, with its token, its address and its request."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from pushserver.web.api import ROUTES
from tests.web.api.audit_log import audit, token_of
from tests.web.api.tenant import empty_tenant, first_tenant, populated_tenant
from tests.web.api.test_idempotent_calls import CALLS, post
from tests.web.api.test_scope_isolation import REQUESTS, send_request
from tests.web.local_server import (
    ADMIN,
    LocalServer,
)


@pytest.fixture(name="server")
def _server(server_of_all_faces: LocalServer) -> LocalServer:
    """Return a server whose webhooks may stay inside."""
    return server_of_all_faces


#: What each route that changes something leaves in the audit, newest first.
ACTIONS: Mapping[str, Sequence[str]] = {
    "enqueue": ["command.create"],
    "enqueueBatch": ["command.create", "command.create"],
    "enqueueBytes": ["command.create"],
    "cancelCommand": ["command.cancel"],
    "releaseCommand": ["command.release"],
    "notifyOperation": ["notification.create"],
    "pingSubscription": ["subscription.ping"],
    "cancelCommandsOfDevice": ["command.cancel"],
    "cancelCommands": ["command.cancel"],
    "retryCommand": ["command.create"],
    "beginOperation": ["operation.create", "command.create"],
    "cancelOperation": ["operation.cancel"],
    "makeTask": ["task.create"],
    "pauseTask": ["task.pause"],
    "resumeTask": ["task.resume"],
    "cancelTask": ["task.cancel"],
    "retryTask": ["task.retry"],
    "makeUpgrade": ["task.create"],
    "pauseUpgrade": ["task.pause"],
    "resumeUpgrade": ["task.resume"],
    "cancelUpgrade": ["task.cancel"],
    "retryUpgrade": ["task.retry"],
    "patchShadow": ["shadow.change", "command.create"],
    "refreshShadow": ["command.create"],
    "patchShadows": ["task.create", "shadow.change"],
    "putDevice": ["device.change"],
    "patchDevice": ["device.change"],
    "deleteDevice": ["device.delete"],
    "adoptDevice": ["device.adopt"],
    "makeDeviceKey": ["device.key"],
    "makeDeviceKeys": ["device.key"],
    "importDevices": ["device.change"],
    "makeSubscription": ["subscription.create"],
    "changeSubscription": ["subscription.change"],
    "deleteSubscription": ["subscription.delete"],
    "rotateSecret": ["subscription.secret"],
    "enableSubscription": ["subscription.enable"],
    "disableSubscription": ["subscription.disable"],
    "redeliver": ["subscription.redeliver"],
    "recoverSubscription": ["subscription.redeliver"],
    "makeToken": ["token.create"],
    "revokeToken": ["token.revoke"],
    "makeScope": ["scope.create"],
    "deleteScope": ["scope.delete"],
    "makeTokenOfScope": ["token.create"],
    "purge": ["history.purge"],
    "keepBlob": ["blob.create"],
}


def test_every_act_is_expected() -> None:
    """No route that changes something is left out."""
    changing = {route.name for route in ROUTES if route.method != "GET"}

    assert changing == ACTIONS.keys()


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.name in ACTIONS],
    ids=lambda route: route.name,
)
async def test_every_act(server: LocalServer, route: Any) -> None:
    """Whatever a token changes is in the audit: who, from where, in which request."""
    owner = await populated_tenant(first_tenant(server), "first", 0)
    template = REQUESTS[route.name][0]
    if route.name == "adoptDevice":
        await server.poll("deviceId=77")
        owner = attrs.evolve(owner, ids={**owner.ids, "device_id": "77"})
    if route.name == "deleteScope":
        scope = await empty_tenant(server, "empty")
        owner = attrs.evolve(owner, ids={**owner.ids, "scope_id": scope.scope_id})
    before = {each["id"] for each in await audit(owner)}
    server.clock.tick(1)
    now = server.clock.now()

    answer, _ = await send_request(owner, owner, route, template)
    assert answer.status < 300, answer.body
    entries = [e for e in await audit(owner) if e["id"] not in before]

    if route.name.startswith(("retryTask", "retryUpgrade")):
        assert [] == entries  # nothing had failed, so nothing was done
        return
    assert ACTIONS[route.name] == [each["action"] for each in entries]
    assert [ADMIN] * len(entries) == [each["actor"] for each in entries]
    assert {("127.0.0.1", True)} == {
        (each["address"], bool(each["requestId"])) for each in entries
    }
    assert 1 == len({each["requestId"] for each in entries})
    assert server.clock.now() == now


@pytest.mark.parametrize("name", sorted(CALLS.keys() & ACTIONS.keys()))
async def test_once_for_a_key(server: LocalServer, name: str) -> None:
    """What is done once for an Idempotency-Key is in the audit once."""
    path, body = await CALLS[name](server)
    before = {each["id"] for each in await audit(server)}

    first, again = [await post(server, path, body) for _ in range(2)]
    entries = [e for e in await audit(server) if e["id"] not in before]

    assert first.body == again.body
    assert ACTIONS[name] == [each["action"] for each in entries]


@pytest.mark.parametrize("kind", ["tasks", "upgrades"])
async def test_a_retry(server: LocalServer, kind: str) -> None:
    """Retrying what failed of a task is an act, and the new operation is its own."""
    owner = await populated_tenant(first_tenant(server), "first", 0)
    other = await token_of(server, "second shift", "admin")
    task = owner.ids["running" if kind == "tasks" else "upgrading"]
    await owner.api("POST", f"/{kind}/{task}/cancel")
    await server.services.task_scheduler.advance()
    answer = await server.api("POST", f"/{kind}/{task}/retry", token=other["token"])
    assert 200 == answer.status, answer.body

    (entry,) = await audit(owner, "action=task.retry")
    retried = (await owner.api("GET", f"/operations?taskId={task}")).json()["items"]
    assert ("task", task, other["id"]) == (
        *entry["target"].values(),
        entry["actor"]["tokenId"],
    )
    assert {False: other["id"], True: "0"} == {
        each.get("retried", False): each["createdBy"]["tokenId"] for each in retried
    }
