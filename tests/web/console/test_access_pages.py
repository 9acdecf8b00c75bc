"""Tokens, scopes and the audit at the console."""

import re

from tests.each_case import each_case
from tests.web.console.visitor import Visitor
from tests.web.local_server import TOKEN


def secret_in(page: bytes) -> str:
    """Return the secret that a page shows."""
    found = re.search(r"<code>(pst_[^<]+)</code>", page.decode())
    assert found is not None
    return found[1]


async def test_token(visitor: Visitor) -> None:
    """
    A token is made with its limits and shown once; it is revoked by typing its name,
    and then whoever signed in with it is out.
    """
    server, holder = visitor.server, Visitor(visitor.server)
    fields = {
        "name": "guards",
        "token": TOKEN,
        "permission.devices:read": "on",
        "expiresAt": "7",
    }
    made = await visitor.send("/tokens", **fields, tags="site=north", deviceIds="5, 6")
    secret = secret_in(made.body)
    (token,) = [
        each
        for each in (await server.api("GET", "/tokens")).json()["items"]
        if each["name"] == "guards"
    ]
    await holder.sign_in(secret)
    again = (await visitor.get("/tokens")).body
    path = f"/tokens/{token['id']}/revoke"
    refused = await visitor.send(path, typed="guard")
    inside = (await holder.get("/devices")).status
    revoked = await visitor.send(path, typed="guards")

    assert (["devices:read"], {"site": "north"}, ["5", "6"]) == (
        token["permissions"],
        token["tags"],
        token["deviceIds"],
    )
    assert "expiresAt" in token
    assert secret.encode() not in again
    assert (422, 200, 303) == (refused.status, inside, revoked.status)
    assert 303 == (await holder.get("/devices")).status


async def test_wrong_token(visitor: Visitor) -> None:
    """
    What is wrong stands beside its field, in the API's words; what was typed stays.
    """
    empty = await visitor.send("/tokens", name="lift")
    wrong = await visitor.send(
        "/tokens", name="lift", tags="x", **{"permission.admin": "on"}
    )

    assert (422, 422) == (empty.status, wrong.status)
    assert b'id="permissions-hint"' in empty.body
    assert b'value="lift"' in empty.body
    assert b'id="tags-hint" class="error"' in wrong.body


@each_case("wrong", [{"expiresAt": "60"}, {"expiresAt": "never"}, {"deviceIds": ","}])
async def test_no_wider_token(visitor: Visitor, wrong: dict[str, str]) -> None:
    """
    A limit that nobody understands makes no token without that limit.
    """
    fields = {"name": "lift", "permission.devices:read": "on", "token": TOKEN}
    answer = await visitor.send("/tokens", **fields, **wrong)
    tokens = (await visitor.server.api("GET", "/tokens")).json()["items"]

    assert 422 == answer.status
    assert b'role="alert"' in answer.body
    assert "lift" not in {each["name"] for each in tokens}


async def test_many_devices(visitor: Visitor) -> None:
    """
    Of the devices that a token concerns, the first few are named; the rest is a number.
    """
    ids = [str(each) for each in range(1007, 7, -1)]
    token = {"name": "lift", "permissions": ["devices:read"], "deviceIds": ids}
    assert 201 == (await visitor.server.api("POST", "/tokens", token)).status
    page = (await visitor.get("/tokens")).body.decode()

    shown = "".join(f'<span class="tag">{each}</span>' for each in range(8, 13))
    assert f"{shown}and 995 more" in page


async def test_own_token_again(visitor: Visitor) -> None:
    """
    What outlasts a session is made with one's token alone: a cookie does not do.
    """
    fields = {"name": "lift", "permission.admin": "on"}
    other = await visitor.server.create_token("admin")
    answers = [
        await visitor.send("/tokens", **fields, token=secret)
        for secret in ("", "wrong", other)
    ]

    assert [422] * 3 == [each.status for each in answers]
    assert all(b'id="token-hint" class="error"' in each.body for each in answers)
    assert b"pst_" not in b"".join(each.body for each in answers)


async def test_no_more_than_oneself(visitor: Visitor) -> None:
    """
    Nobody makes a token that may do more than their own.
    """
    weak = Visitor(visitor.server)
    own = await visitor.server.create_token("tokens:write")
    await weak.sign_in(own)
    fields = {"permission.admin": "on", "token": own}
    answer = await weak.send("/tokens", name="x", **fields)

    assert 403 == answer.status
    assert b'name="permission.admin"' not in answer.body


async def test_scope(visitor: Visitor) -> None:
    """
    A scope is made with a token that is shown once, gets another, and is deleted.
    """
    server, other = visitor.server, Visitor(visitor.server)
    made = await visitor.send("/scopes", name="North wing", token=TOKEN)
    twice = await visitor.send("/scopes", name="North wing", token=TOKEN)
    scope = (await server.api("GET", "/scopes")).json()["items"][-1]
    path = f"/scopes/{scope['id']}"
    secret = secret_in((await visitor.send(f"{path}/tokens", token=TOKEN)).body)
    await other.sign_in(secret)
    seen = (await other.get("/scopes")).body
    deleted = await visitor.send(f"{path}/delete", typed="North wing")

    assert secret_in(made.body) != secret
    assert 409 == twice.status
    assert b"/delete" not in seen
    assert 303 == deleted.status
    assert [1] == [
        int(s["id"]) for s in (await server.api("GET", "/scopes")).json()["items"]
    ]


async def test_audit(visitor: Visitor) -> None:
    """
    The audit says who did what, and each filter leaves the rest out.
    """
    await visitor.server.api("PUT", "/devices/5", {"name": "Dock"})
    pages = {
        query: b"changed a device" in rows((await visitor.get(f"/audit?{query}")).body)
        or b"adopted a device" in rows((await visitor.get(f"/audit?{query}")).body)
        for query in ("", "device=5", "device=6", "actor=server", "hours=1", "actor=0")
    }

    assert [True, True, False, False, True, True] == [*pages.values()]
    assert 422 == (await visitor.get("/audit?actor=x")).status


def rows(page: bytes) -> bytes:
    """Return the rows of a table."""
    return page.partition(b"<tbody>")[2]


async def test_system(visitor: Visitor) -> None:
    """
    Whoever administers the first scope sees how the server does; others see less.
    """
    made = (await visitor.server.api("POST", "/scopes", {"name": "other"})).json()
    other = Visitor(visitor.server)
    await other.sign_in(made["token"])
    await visitor.server.enqueue()
    await visitor.server.services.latency_history.save()
    whole, less = [(await each.get("/system")).body for each in (visitor, other)]

    assert b"leads" in whole
    assert b"leads" in less
    assert b"How long things took" in whole
    assert b"How long things took" not in less
