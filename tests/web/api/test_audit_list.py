"""The audit as it is listed: by what, in which order, and to whom."""

from pushserver.clock import SECOND
from pushserver.model.ids import first_id_at
from tests.web.api.audit_log import Json, audit, token_of
from tests.web.api.tenant import empty_tenant, first_tenant, populated_tenant
from tests.web.local_server import (
    DEVICE,
    OPEN_DOOR,
    LocalServer,
)


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


async def test_filters(server_of_all_faces: LocalServer) -> None:
    """Each filter lists what it names; together they list what all of them name."""
    server = server_of_all_faces
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


async def test_pages_and_followers(server_of_all_faces: LocalServer) -> None:
    """Page by page, or followed from the first entry, each entry comes once."""
    server = server_of_all_faces
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


async def test_after_what_is_to_come(server: LocalServer) -> None:
    """
    Who follows the audit after an id of a time to come is told so; nothing would come.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    newest = (await audit(server))[0]["id"]
    last = await server.api("GET", f"/audit?after={newest}")
    ahead = first_id_at(server.clock.now() + 10 * 365 * 86_400 * SECOND)
    answer = await server.api("GET", f"/audit?after={ahead}")

    assert (200, []) == (last.status, last.json()["items"])
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


async def test_of_a_deleted_scope(server: LocalServer) -> None:
    """Only the first scope's administrator reads it, and of no scope that is there."""
    gone, other = (
        await empty_tenant(server, "gone"),
        await empty_tenant(server, "there"),
    )
    await token_of(server, "x", "admin")
    await gone.api("POST", "/tokens", {"name": "y", "permissions": ["admin"]})
    path = f"/audit?scopeId={gone.scope_id}"
    there = await server.api("GET", path)
    await server.api("DELETE", f"/scopes/{gone.scope_id}")

    read = [e["action"] for e in await audit(server, f"scopeId={gone.scope_id}")]
    followed = (await server.api("GET", f"{path}&after=0")).json()["items"]
    by_tenant = await other.api("GET", path)
    of_tenant = await server.api("GET", f"/audit?scopeId={other.scope_id}")

    assert ["token.create", "scope.create"] == read
    assert read[::-1] == [each["action"] for each in followed]
    assert [403] * 3 == [each.status for each in (there, by_tenant, of_tenant)]
    own = await audit(other, f"scopeId={other.scope_id}")
    assert ["scope.create"] == [each["action"] for each in own]
