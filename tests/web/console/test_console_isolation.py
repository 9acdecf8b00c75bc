"""No scope sees or changes what is another's at the console: every page and form."""

from collections.abc import AsyncIterator
from string import Template

import pytest

from pushserver.model.token import Permission
from pushserver.web.console import ROUTES
from tests.clock import ManualClock
from tests.web.api.isolation import stored_rows
from tests.web.api.tenant import Tenant, empty_tenant, populated_tenant
from tests.web.console.visitor import Visitor
from tests.web.local_server import LocalServer, Response, running_server

#: What paths name otherwise than the API's.
OTHER_NAMES = {
    "command_id": "pending",
    "posted_id": "result_id",
    "task_id": "running",
    "upgrade_id": "upgrading",
}
#: The fields of all forms in one: each takes those that it knows.
FIELDS = {
    "service": "general",
    "name": "language",
    "value": "1",
    "hours": "24",
    "typed": "$device_id",
    "form": "reboot",
    "to": "one",
    "who": "$device_id",
    "action": "send",
    "confirm": "$device_id",
    "device": "$device_id",
    "format": "csv",
    "id-$device_id": "1",
}
ACTS = ("adopt", "tag", "hold", "clear", "keys", "delete")
#: What names somebody's things beside the path, or in a form.
NAMED_BESIDE_PATH = (
    ("GET", "/commands?device=$device_id", ""),
    ("GET", "/results?device=$device_id", ""),
    ("GET", "/audit?device=$device_id", ""),
    ("GET", "/send?device=$device_id&form=reboot", ""),
    ("POST", "/send", ""),
    ("POST", "/commands/export", ""),
    *(("POST", "/devices/selection/run", act) for act in ACTS),
)
NAMED_IN_PATH = tuple(
    (route.method, route.path.replace("{", "${"), "")
    for route in ROUTES
    if "{" in route.path
)
#: Each way to name somebody's things; what takes them away comes last.
REQUESTS = sorted(
    (*NAMED_IN_PATH, *NAMED_BESIDE_PATH),
    key=lambda each: "delete" in each or each[1].endswith(("/delete", "/revoke")),
)
ALL_BUT_DEVICES = [
    each for each in Permission if each not in (Permission.ADMIN, "devices:write")
]


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server whose webhooks may stay inside."""
    networks = "127.0.0.0/8"
    async with running_server(
        database, clock, webhook_allow_networks=networks
    ) as server:
        yield server


async def ask(
    visitor: Visitor, about: Tenant, request: tuple[str, str, str]
) -> tuple[Response, str]:
    """Ask for what names *about*'s things; return also what was said."""
    method, template, act = request
    ids = {**about.ids, **{k: about.ids[v] for k, v in OTHER_NAMES.items()}}
    path = Template(template).substitute(ids)
    if method == "GET":
        return await visitor.get(path), path
    given = [Template(part).substitute(ids) for each in FIELDS.items() for part in each]
    fields = dict(zip(given[::2], given[1::2], strict=True))
    return await visitor.send(path, **fields, act=act), f"{path} {fields}"


async def tenant(server: LocalServer, name: str, number: int) -> Tenant:
    """Return a tenant with one of everything."""
    return await populated_tenant(await empty_tenant(server, name), name, number)


async def visitor_of(one: Tenant, permissions: object, **limits: object) -> Visitor:
    """Return somebody who is signed in with a new token of a scope."""
    body = {"name": "x", "permissions": permissions, **limits}
    token = (await one.api("POST", "/tokens", body)).json()["token"]
    visitor = Visitor(one.server)
    assert 303 == (await visitor.sign_in(token)).status
    return visitor


@pytest.mark.parametrize("permissions", [["admin"], ALL_BUT_DEVICES])
async def test_by_a_stranger(
    server: LocalServer, database: str, permissions: list[str]
) -> None:
    """
    Whoever is signed in with a token of another scope sees nothing of the owner's, and
    changes nothing, whatever a page or a form names.
    """
    one, other = await tenant(server, "one", 0), await tenant(server, "other", 1)
    visitor = await visitor_of(other, permissions)
    rows = await stored_rows(server, database)

    for request in REQUESTS:
        answer, asked = await ask(visitor, one, request)
        text = answer.body.decode()
        assert answer.status in (200, 303, 403, 404, 409, 422), request
        assert not [m for m in one.marks if m in text and m not in asked], request
        if request[0] == "POST":
            before, rows = rows, await stored_rows(server, database)
            changed = {before[row] for row in before.keys() - rows.keys()}
            changed |= {rows[row] for row in rows.keys() - before.keys()}
            assert int(one.scope_id) not in changed, request


async def test_by_the_owner(server: LocalServer) -> None:
    """
    The owner is not refused what a stranger is: it is the scope that makes it so.
    """
    one = await tenant(server, "one", 0)
    visitor = await visitor_of(one, ["admin"])

    for request in REQUESTS:
        answer, _ = await ask(visitor, one, request)

        assert answer.status in (200, 303, 409, 422), request


async def test_out_of_reach(server: LocalServer) -> None:
    """A token that is restricted to another device reaches no page or form of this."""
    one = await tenant(server, "one", 0)
    visitor = await visitor_of(one, ["admin"], deviceIds=["5"])

    for request in NAMED_IN_PATH:
        if "${device_id}" in request[1]:
            answer, _ = await ask(visitor, one, request)

            assert 404 == answer.status, request
