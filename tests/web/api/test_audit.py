"""Who did it: each act is in the audit, with its token, its address and its request."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from string import Template
from typing import Any

import attrs
import pytest

from pushserver.model.audit import AuditAction
from pushserver.storage.audit import AuditFilter
from pushserver.web.api import ROUTES
from tests.clock import ManualClock
from tests.web.api.operations import create_operation
from tests.web.api.tenant import Tenant, empty_tenant, first_tenant, populated_tenant
from tests.web.api.test_idempotent_calls import CALLS, post
from tests.web.api.test_scope_isolation import REQUESTS, send_request
from tests.web.kapua.client import kapua_id
from tests.web.local_server import (
    ADMIN,
    DEVICE,
    LOAD_USERS,
    OPEN_DOOR,
    TOKEN,
    LocalServer,
    running_server,
)

Json = dict[str, Any]


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may stay inside."""
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server


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
    "patchShadows": ["task.create"],
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


async def audit(tenant: Tenant | LocalServer, query: str = "") -> list[Json]:
    """Return the entries that the tenant's audit lists."""
    answer = await tenant.api("GET", f"/audit?limit=1000&{query}")
    assert 200 == answer.status, answer.body
    items: list[Json] = answer.json()["items"]
    return items


async def token_of(server: LocalServer, name: str, *permissions: str) -> Json:
    """Make a token of the first scope; return it with its secret."""
    body = {"name": name, "permissions": list(permissions)}
    made: Json = (await server.api("POST", "/tokens", body)).json()
    return made


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


async def test_who_opened_the_door(server: LocalServer) -> None:
    """One call answers who opened a door at an instant, and from where."""
    may = ("commands:write", "commands:door", "devices:write")
    porter = await token_of(server, "porter", *may)
    await server.api("PUT", f"/devices/{DEVICE}", {})
    server.clock.tick(60)
    opened = await server.api(
        "POST",
        f"/devices/{DEVICE}/commands",
        dict(OPEN_DOOR),
        token=porter["token"],
        headers={"X-Request-ID": "req-42"},
    )
    command = opened.json()
    server.clock.tick(60)
    await server.enqueue(OPEN_DOOR)

    minute = "createdAfter=2026-01-01T00:00:59Z&createdBefore=2026-01-01T00:01:01Z"
    (entry,) = await audit(server, f"deviceId={DEVICE}&{minute}")
    who = {"tokenId": porter["id"], "name": "porter"}
    assert who == command["createdBy"]
    assert {
        "id": command["id"],
        "at": command["createdAt"],
        "action": "command.create",
        "actor": who,
        "target": {"kind": "command", "id": command["id"]},
        "deviceId": str(DEVICE),
        "endpoint": "execute_actions",
        "address": "127.0.0.1",
        "requestId": "req-42",
    } == entry


@pytest.mark.parametrize(
    "given", ["", "a b", "x" * 65, "é", "\t"], ids=["empty", "space", "65", "é", "tab"]
)
async def test_an_odd_request_id(server: LocalServer, given: str) -> None:
    """What is no name of a request is replaced by one of the server's own."""
    path = f"/devices/{DEVICE}/commands"
    headers = {"X-Request-ID": given}
    await server.api("POST", path, dict(LOAD_USERS), headers=headers)

    (entry,) = await audit(server, "action=command.create")
    assert 16 == len(entry["requestId"])
    assert given != entry["requestId"]


async def test_the_longest_request_id(server: LocalServer) -> None:
    """A request's id of 64 characters is taken as it is."""
    path, given = f"/devices/{DEVICE}/commands", "x" * 64
    headers = {"X-Request-ID": given}
    await server.api("POST", path, dict(LOAD_USERS), headers=headers)

    (entry,) = await audit(server, "action=command.create")
    assert given == entry["requestId"]


async def test_a_secret_is_not_kept(server: LocalServer) -> None:
    """What shows a secret says so in the audit, without the secret."""
    key = (await server.api("PUT", f"/devices/{DEVICE}", {})).status
    key = (await server.api("POST", f"/devices/{DEVICE}/key")).json()["key"]
    token = (await token_of(server, "x", "results:read"))["token"]
    text = json.dumps(await audit(server))

    assert "device.key" in text
    assert "token.create" in text
    assert key not in text
    assert token not in text


async def test_filters(server: LocalServer) -> None:
    """Each filter lists what it names; together they list what all of them name."""
    owner = await populated_tenant(first_tenant(server), "first", 0)
    other = await token_of(server, "other", "admin")
    server.clock.tick(100)
    await server.api("PATCH", f"/devices/{DEVICE}", {"name": "x"}, token=other["token"])
    await server.api("DELETE", f"/commands/{owner.ids['pending']}")
    whole = await audit(server)
    (changed, canceled) = [
        next(e for e in whole if e["action"] == action)
        for action in ("device.change", "command.cancel")
    ]

    assert [changed] == await audit(server, f"actor={other['id']}")
    assert [changed] == await audit(
        server, f"targetKind=device&targetId={DEVICE}&action=device.change"
    )
    assert {canceled["id"], owner.ids["pending"]} == {
        each["id"] for each in await audit(server, f"targetId={owner.ids['pending']}")
    }
    assert [canceled] == await audit(
        server, f"targetId={owner.ids['pending']}&action=command.cancel"
    )
    assert [canceled, changed] == await audit(
        server, f"createdAfter={whole[-1]['at']}&deviceId={DEVICE}"
    )
    assert {"command"} == {
        each["target"]["kind"] for each in await audit(server, "targetKind=command")
    }
    assert [e for e in whole if e["at"] < changed["at"]] == await audit(
        server, f"createdBefore={changed['at']}"
    )
    assert [] == await audit(server, f"actor={other['id']}&action=command.cancel")
    assert ["command.hold"] == [
        each["action"] for each in await audit(server, "actor=server")
    ]


async def test_pages_and_followers(server: LocalServer) -> None:
    """Page by page, or followed from the first entry, each entry comes once."""
    await populated_tenant(first_tenant(server), "first", 0)
    whole = await audit(server)
    pages, path = [], "/audit?limit=3"
    while True:
        page = (await server.api("GET", path)).json()
        pages += page["items"]
        if "nextCursor" not in page:
            break
        path = f"/audit?limit=3&cursor={page['nextCursor']}"
    followed: list[Json] = []
    while True:
        after = followed[-1]["id"] if followed else "0"
        page = (await server.api("GET", f"/audit?limit=3&after={after}")).json()
        if not page["items"]:
            break
        followed += page["items"]

    assert len(whole) > 2 * 3
    assert whole == pages
    assert whole[::-1] == followed


async def test_after_and_cursor(server: LocalServer) -> None:
    """A list goes one way."""
    answer = await server.api("GET", "/audit?after=1&cursor=2")

    assert (422, "invalid", "/after") == answer.problem


async def test_not_without_admin(server: LocalServer) -> None:
    """A token without `admin` reads no audit, whatever else it may do."""
    every = "devices:read devices:write commands:read commands:write operations:read"
    every += " operations:write results:read events:read subscriptions:read"
    every += " subscriptions:write tokens:write"
    token = await token_of(server, "all but admin", *every.split())

    answer = await server.api("GET", "/audit", token=token["token"])
    assert 403 == answer.status


async def test_a_tenant_sees_its_own(server: LocalServer) -> None:
    """A scope reads its own audit; the first one reads of others what it did there."""
    one, other = await empty_tenant(server, "one"), await empty_tenant(server, "other")
    await one.api("PUT", f"/devices/{DEVICE}", {})
    body = {"name": "lost", "permissions": ["admin"]}
    await server.api("POST", f"/scopes/{one.scope_id}/tokens", body)

    actions = [each["action"] for each in await audit(one)]
    assert ["token.create", "device.adopt", "scope.create"] == actions
    assert ["scope.create"] == [each["action"] for each in await audit(other)]
    assert ["token.create", "scope.create", "scope.create"] == [
        each["action"] for each in await audit(server)
    ]


async def test_what_a_token_is_limited_to(server: LocalServer) -> None:
    """The creation of a token says what it may do, until when, and to which devices."""
    body = {
        "name": "gate",
        "permissions": ["results:read", "devices:read"],
        "expiresAt": "2030-01-31T00:00:00Z",
        "deviceIds": [str(DEVICE), str(DEVICE + 1)],
        "tags": {"floor": "1", "door": "a"},
    }
    await server.api("POST", "/tokens", body)

    (entry,) = await audit(server, "action=token.create")
    assert {
        "name": "gate",
        "permissions": "devices:read results:read",
        "expiresAt": "2030-01-31T00:00:00.000000Z",
        "devices": 2,
        "tags": "door:a floor:1",
    } == entry["detail"]


async def test_revoked_by_force(server: LocalServer) -> None:
    """Revoking a scope's last administrator is in the audit only when it is done."""
    one = await empty_tenant(server, "one")
    (token,) = (await one.api("GET", "/tokens")).json()["items"]
    path = f"/tokens/{token['id']}"
    kept = await token_of(server, "x", "results:read")

    assert 409 == (await one.api("DELETE", path)).status
    assert [] == await audit(one, "action=token.revoke")
    assert 204 == (await one.api("DELETE", f"{path}?force=true")).status
    await server.api("DELETE", f"/tokens/{kept['id']}")

    (usual,) = await audit(server, "action=token.revoke")
    assert "detail" not in usual
    entries = await server.services.store.audit.newest_entries(
        int(one.scope_id), AuditFilter(action=AuditAction.TOKEN_REVOKE), limit=9
    )
    assert [{"force": True}] == [each.detail for each in entries]


async def test_a_deleted_scope(server: LocalServer) -> None:
    """Who deleted a scope stays in the audit of the first one; a refusal does not."""
    one = await empty_tenant(server, "one")
    await one.api("PUT", f"/devices/{DEVICE}", {})
    path = f"/scopes/{one.scope_id}"

    assert 409 == (await server.api("DELETE", path)).status
    assert [] == await audit(server, "action=scope.delete")
    await one.api("DELETE", f"/devices/{DEVICE}")
    assert 204 == (await server.api("DELETE", path)).status

    (entry,) = await audit(server, "action=scope.delete")
    assert ({"kind": "scope", "id": one.scope_id}, {"name": "one-scope"}, ADMIN) == (
        entry["target"],
        entry["detail"],
        entry["actor"],
    )


async def test_created_by_and_canceled_by(server: LocalServer) -> None:
    """Commands, operations, tasks and upgrades show and are listed by who made them."""
    owner = await populated_tenant(first_tenant(server), "first", 0)
    other = await token_of(server, "other", "admin")
    mine = attrs.evolve(owner, token=other["token"])
    made = {
        kind: (await mine.api("POST", path, json.loads(body))).json()["id"]
        for kind, path, body in (
            (
                name,
                route.path.replace("{device_id}", owner.ids["device_id"]),
                Template(REQUESTS[route.name][0].body or "").substitute(owner.ids),
            )
            for name, route in (
                (name, next(r for r in ROUTES if r.name == route_name))
                for name, route_name in (
                    ("commands", "enqueue"),
                    ("operations", "beginOperation"),
                    ("tasks", "makeTask"),
                    ("upgrades", "makeUpgrade"),
                )
            )
        )
    }
    who = {"tokenId": other["id"], "name": "other"}
    for kind, one in made.items():
        listed = (await owner.api("GET", f"/{kind}?createdBy={other['id']}")).json()
        shown = (await owner.api("GET", f"/{kind}/{one}")).json()
        assert who == shown["createdBy"]
        assert one in {each["id"] for each in listed["items"]}
        assert {other["id"]} == {e["createdBy"]["tokenId"] for e in listed["items"]}
    for kind, one in made.items():
        if kind == "commands":
            await owner.api("DELETE", f"/commands/{one}")
        else:
            await owner.api("POST", f"/{kind}/{one}/cancel")
        shown = (await owner.api("GET", f"/{kind}/{one}")).json()
        assert ADMIN == shown["canceledBy"]


async def test_a_notification(server: LocalServer) -> None:
    """Who posted progress, and who deleted it, is said with the operation."""
    operation = await create_operation(server)
    path = f"/operations/{operation['id']}/notifications"
    posted = (await server.api("POST", path, {"progress": 7})).json()
    gone = (
        f"/v1/_/devices/{kapua_id(DEVICE)}/operations/{kapua_id(int(operation['id']))}"
        f"/notifications/{kapua_id(int(posted['id']))}"
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    first, again = [
        await server.request("DELETE", gone, headers=headers) for _ in range(2)
    ]

    assert (200, 404) == (first.status, again.status)
    for action in ("notification.create", "notification.delete"):
        (entry,) = await audit(server, f"action={action}")
        assert ADMIN == entry["actor"]
        assert {"kind": "operation", "id": operation["id"]} == entry["target"]
        assert {"notification": posted["id"]} == entry["detail"]
        assert str(DEVICE) == entry["deviceId"]


async def test_held_after_a_restore(server: LocalServer) -> None:
    """What the server held after a restore is its own act, of each command."""
    door = await server.enqueue(OPEN_DOOR)
    await server.services.held_commands.hold_all()

    (entry,) = await audit(server, "action=command.hold")
    assert ({"name": "server"}, {"kind": "command", "id": door["id"]}) == (
        entry["actor"],
        entry["target"],
    )
