"""What the entries of the audit say, and what they do not."""

import json
from string import Template

import attrs
import pytest

from pushserver.model.audit import AuditAction
from pushserver.storage.audit import AuditFilter
from pushserver.web.api import ROUTES
from tests.web.api.audit_log import audit, token_of
from tests.web.api.operations import create_operation
from tests.web.api.tenant import empty_tenant, first_tenant, populated_tenant
from tests.web.api.test_scope_isolation import REQUESTS
from tests.web.kapua.client import kapua_id
from tests.web.local_server import (
    ADMIN,
    DEVICE,
    LOAD_USERS,
    OPEN_DOOR,
    TOKEN,
    LocalServer,
)


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


async def test_created_by_and_canceled_by(server_of_all_faces: LocalServer) -> None:
    """Commands, operations, tasks and upgrades show and are listed by who made them."""
    server = server_of_all_faces
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
