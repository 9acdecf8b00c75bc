"""No scope sees or changes what is another's: every route, called by a stranger."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from string import Template

import attrs
import pytest

from pushserver.web.api import ROUTES
from pushserver.web.api.route import ApiRoute
from tests.web.api.isolation import stored_rows
from tests.web.api.tenant import (
    UNREACHABLE,
    Tenant,
    empty_tenant,
    first_tenant,
    populated_tenant,
)
from tests.web.api.upgrades import PHASES
from tests.web.local_server import LocalServer, Response


@attrs.frozen(kw_only=True)
class RequestTemplate:
    """
    A request that names somebody's things: `$device_id` is the id of his device.

    `command` is the state of the command of his for which `command_id` stands, `task`
    and `upgrade` those of his task and his upgrade.
    """

    query: str = ""
    body: str | None = None
    kind: str = "application/json"
    command: str = "finished"
    task: str = "running"
    upgrade: str = "upgrading"


ENDPOINT = '{"endpoint": "reboot"}'
STEPS = f'"steps": [{ENDPOINT}]'
UPGRADE = f'"targetVersion": "2", "phases": {json.dumps(PHASES)}'
DESIRED = '{"general": {"language": "x"}}'
OF_ALL = f'"desired": {DESIRED}'
EVENTS = '"events": ["command.status"]'
NEW_TOKEN = '{"name": "mine", "permissions": ["results:read"]}'
OCTETS = "application/octet-stream"

#: How each route is asked. The first way is one in which the owner is not refused.
REQUESTS: Mapping[str, tuple[RequestTemplate, ...]] = {
    "enqueue": (
        RequestTemplate(body=ENDPOINT),
        RequestTemplate(body=f"[{ENDPOINT}, {ENDPOINT}]"),
        RequestTemplate(body="bytes", kind=OCTETS, query="endpoint=user_set_image"),
    ),
    "enqueueBatch": (RequestTemplate(body=f"[{ENDPOINT}, {ENDPOINT}]"),),
    "enqueueBytes": (
        RequestTemplate(body="bytes", kind=OCTETS, query="endpoint=user_set_image"),
    ),
    "listCommandsOfDevice": (RequestTemplate(), RequestTemplate(query="state=PENDING")),
    "listCommands": (
        RequestTemplate(),
        RequestTemplate(query="deviceId=$device_id"),
        RequestTemplate(query="endpoint=load_objects"),
        RequestTemplate(query="held=true"),
        RequestTemplate(query="state=SUCCESSFUL&state=SENT&state=PENDING"),
    ),
    "getCommand": (
        RequestTemplate(),
        RequestTemplate(command="sent"),
        RequestTemplate(command="pending"),
    ),
    "cancelCommand": (
        RequestTemplate(command="pending"),
        RequestTemplate(command="sent"),
        RequestTemplate(),
    ),
    "releaseCommand": (
        RequestTemplate(command="held"),
        RequestTemplate(command="pending"),
        RequestTemplate(),
    ),
    "cancelCommandsOfDevice": (
        RequestTemplate(command="pending"),
        RequestTemplate(query="dryRun=true"),
    ),
    "cancelCommands": (
        RequestTemplate(command="pending", body='{"ids": ["$command_id"]}'),
        RequestTemplate(body='{"deviceId": "$device_id"}'),
        RequestTemplate(body='{"endpoint": "load_objects"}'),
    ),
    "getCommandResult": (RequestTemplate(), RequestTemplate(command="pending")),
    "retryCommand": (RequestTemplate(), RequestTemplate(command="pending")),
    "beginOperation": (
        RequestTemplate(body=f'{{"deviceId": "$device_id", {STEPS}}}'),
        RequestTemplate(body='{"deviceId": "$device_id"}'),
    ),
    "listOperations": (
        RequestTemplate(),
        RequestTemplate(query="deviceId=$device_id"),
        RequestTemplate(query="taskId=$task_id"),
        RequestTemplate(query="status=RUNNING"),
        RequestTemplate(query="resource=$resource"),
    ),
    "getOperation": (RequestTemplate(),),
    "cancelOperation": (RequestTemplate(),),
    "notifyOperation": (RequestTemplate(body='{"progress": 1}'),),
    "listNotifications": (RequestTemplate(), RequestTemplate(query="cursor=1")),
    "makeTask": (
        RequestTemplate(
            body=f'{{"targets": {{"deviceIds": ["$device_id"]}}, {STEPS}}}'
        ),
        RequestTemplate(
            body=f'{{"targets": {{"tags": {{"owner": "$owner"}}}}, {STEPS}}}'
        ),
        RequestTemplate(
            body=f'{{"targets": {{"all": true}}, "dryRun": true, {STEPS}}}'
        ),
    ),
    "listTasks": (RequestTemplate(),),
    "getTask": (RequestTemplate(),),
    "listDevicesOfTask": (RequestTemplate(), RequestTemplate(query="status=RUNNING")),
    "pauseTask": (RequestTemplate(),),
    "resumeTask": (RequestTemplate(task="paused"), RequestTemplate()),
    "cancelTask": (RequestTemplate(), RequestTemplate(task="paused")),
    "retryTask": (RequestTemplate(), RequestTemplate(body='{"includeUnknown": true}')),
    "makeUpgrade": (
        RequestTemplate(
            body=f'{{"targets": {{"deviceIds": ["$device_id"]}}, {UPGRADE}}}'
        ),
        RequestTemplate(
            body=f'{{"targets": {{"tags": {{"owner": "$owner"}}}}, {UPGRADE}}}'
        ),
        RequestTemplate(
            body=f'{{"targets": {{"all": true}}, "dryRun": true, {UPGRADE}}}'
        ),
    ),
    "listUpgrades": (RequestTemplate(),),
    "getUpgrade": (RequestTemplate(),),
    "listDevicesOfUpgrade": (RequestTemplate(), RequestTemplate(query="state=waiting")),
    "pauseUpgrade": (RequestTemplate(),),
    "resumeUpgrade": (RequestTemplate(upgrade="upgradePaused"), RequestTemplate()),
    "cancelUpgrade": (RequestTemplate(), RequestTemplate(upgrade="upgradePaused")),
    "retryUpgrade": (RequestTemplate(),),
    "getShadow": (RequestTemplate(),),
    "patchShadow": (
        RequestTemplate(body=DESIRED),
        RequestTemplate(body="{}"),
        RequestTemplate(body='{"ntp": null}'),
    ),
    "refreshShadow": (RequestTemplate(), RequestTemplate(body='{"ntp": ["enabled"]}')),
    "patchShadows": (
        RequestTemplate(
            body=f'{{"targets": {{"deviceIds": ["$device_id"]}}, {OF_ALL}}}'
        ),
        RequestTemplate(body=f'{{"targets": {{"all": true}}, {OF_ALL}}}'),
        RequestTemplate(
            body=f'{{"targets": {{"all": true}}, "dryRun": true, {OF_ALL}}}'
        ),
    ),
    "makeSubscription": (
        RequestTemplate(body=f'{{"url": "{UNREACHABLE}/mine", {EVENTS}}}'),
    ),
    "listSubscriptions": (RequestTemplate(),),
    "getSubscription": (RequestTemplate(),),
    "changeSubscription": (
        RequestTemplate(body='{"description": "x"}'),
        RequestTemplate(body="{}"),
    ),
    "deleteSubscription": (RequestTemplate(),),
    "pingSubscription": (RequestTemplate(),),
    "rotateSecret": (RequestTemplate(),),
    "enableSubscription": (RequestTemplate(),),
    "disableSubscription": (RequestTemplate(),),
    "listDeliveries": (RequestTemplate(), RequestTemplate(query="state=pending")),
    "redeliver": (RequestTemplate(),),
    "recoverSubscription": (RequestTemplate(body='{"since": "2020-01-01T00:00:00Z"}'),),
    "streamEvents": (
        RequestTemplate(query="lastEventId=0"),
        RequestTemplate(query="lastEventId=0&deviceId=$device_id"),
        RequestTemplate(query="lastEventId=0&tag=$tag"),
    ),
    "listResults": (
        RequestTemplate(),
        RequestTemplate(query="deviceId=$device_id"),
        RequestTemplate(query="orphan=true"),
        RequestTemplate(query="orphan=false"),
    ),
    "listDevices": (
        RequestTemplate(),
        RequestTemplate(query="tag=$tag"),
        RequestTemplate(query="state=adopted"),
    ),
    "exportDevices": (
        RequestTemplate(),
        RequestTemplate(query="format=csv&tag=$tag"),
        RequestTemplate(query="state=quarantined"),
    ),
    "importDevices": (
        RequestTemplate(
            body='{"deviceId": "$device_id", "name": "x"}', kind="application/x-ndjson"
        ),
        RequestTemplate(body="deviceId\n1\n$device_id\n", kind="text/csv"),
        RequestTemplate(
            body="deviceId\n$device_id\n", kind="text/csv", query="dryRun=true"
        ),
    ),
    "getDevice": (RequestTemplate(),),
    "putDevice": (RequestTemplate(body='{"name": "x"}'), RequestTemplate(body="{}")),
    "patchDevice": (RequestTemplate(body='{"name": "x"}'), RequestTemplate(body="{}")),
    "deleteDevice": (RequestTemplate(),),
    "adoptDevice": (RequestTemplate(),),
    "keepBlob": (RequestTemplate(body="bytes", kind=OCTETS),),
    "getBlob": (RequestTemplate(),),
    "makeDeviceKeys": (
        RequestTemplate(body='{"targets": {"deviceIds": ["$device_id"]}}'),
        RequestTemplate(body='{"targets": {"tags": {"owner": "$owner"}}}'),
    ),
    "makeDeviceKey": (RequestTemplate(), RequestTemplate(body='{"enforce": true}')),
    "makeToken": (RequestTemplate(body=NEW_TOKEN),),
    "listTokens": (RequestTemplate(),),
    "revokeToken": (RequestTemplate(),),
    "makeScope": (RequestTemplate(body='{"name": "x"}'),),
    "listScopes": (RequestTemplate(),),
    "deleteScope": (RequestTemplate(),),
    "makeTokenOfScope": (RequestTemplate(body=NEW_TOKEN),),
    "purge": (
        RequestTemplate(body='{"before": "2999-01-01T00:00:00Z", "allowFuture": true}'),
    ),
    "listAudit": (
        RequestTemplate(),
        RequestTemplate(query="after=0"),
        RequestTemplate(query="deviceId=$device_id"),
        RequestTemplate(query="targetId=$command_id"),
        RequestTemplate(query="actor=$token_id"),
        RequestTemplate(query="action=command.create"),
    ),
    "getServer": (RequestTemplate(),),
    "getLatencies": (RequestTemplate(),),
    "getStatistics": (RequestTemplate(),),
    "getOpenapi": (RequestTemplate(),),
}
#: What tells the first scope of all, as numbers that stand for nobody.
OF_ALL_SCOPES = {"getStatistics"}
#: What the first scope's administrators may do to others: they run the server.
#: In their audit stands which scopes they made.
OVER_ALL = {"listScopes", "makeTokenOfScope", "listAudit"}
#: What deletes, whatever it is asked: the caller's own things, and nobody else's.
OF_ITS_OWN = {"purge", "cancelCommands"}
#: (whose things are named, who asks)
PAIRS = [("first", "second"), ("second", "first"), ("second", "third")]
#: What reads is asked one after the other, since it should change nothing.
READ_ROUTES = tuple(route for route in ROUTES if route.method == "GET")
CHANGING = tuple(route for route in ROUTES if route.method != "GET")
#: Those of each group are tried on one server; one that changes something has its own.
ROUTE_GROUPS = (READ_ROUTES, *((route,) for route in CHANGING))
REFUSALS = (403, 404, 409, 422)


@pytest.fixture(name="server")
def _server(server_of_all_faces: LocalServer) -> LocalServer:
    """Return a server of which every call can be tried."""
    return server_of_all_faces


async def tenant(server: LocalServer, name: str) -> Tenant:
    """Return a tenant with one of everything."""
    number = ("first", "second", "third").index(name)
    empty = (
        first_tenant(server) if name == "first" else await empty_tenant(server, name)
    )
    return await populated_tenant(empty, name, number)


async def send_request(
    by: Tenant, about: Tenant, route: ApiRoute, template: RequestTemplate
) -> tuple[Response, str]:
    """Call a route that names *about*'s things; return also what was said."""
    own = about.ids
    ids = {
        **own,
        "command_id": own[template.command],
        "task_id": own[template.task],
        "upgrade_id": own[template.upgrade],
    }
    path = route.path.format(**ids) + Template(f"?{template.query}").substitute(ids)
    body = Template(template.body or "").substitute(ids)
    answer = await by.server.api(
        route.method,
        path,
        body.encode() or None,
        token=by.token,
        headers={
            "X-Request-Id": "the-same",
            **({"Content-Type": template.kind} if body else {}),
        },
    )
    return answer, path + body


_DISK_SPACE = re.compile(rb'"(size|free)":[0-9]+')


async def read_all(owner: Tenant) -> Mapping[str, bytes]:
    """Return all that the owner can read, but not what is counted over all scopes."""
    return {
        f"{route.name} {template}": _DISK_SPACE.sub(
            b"", (await send_request(owner, owner, route, template))[0].body
        )
        for route in READ_ROUTES
        if route.name not in OF_ALL_SCOPES
        for template in REQUESTS[route.name]
    }


def test_every_route_is_asked() -> None:
    """
    No route is left out.
    """
    assert {route.name for route in ROUTES} == set(REQUESTS)


@pytest.mark.parametrize("routes", ROUTE_GROUPS, ids=lambda routes: routes[0].name)
async def test_by_the_owner(server: LocalServer, routes: Sequence[ApiRoute]) -> None:
    """
    The owner is not refused what a stranger is: it is the scope that makes it so.
    """
    owner = await tenant(server, "first")

    for route in routes:
        answer, _ = await send_request(owner, owner, route, REQUESTS[route.name][0])

        if route.name == "deleteScope":
            assert b"The first scope cannot be deleted" in answer.body
        else:
            assert answer.status < 300, (route.name, answer.body)


@pytest.mark.parametrize(("owner", "stranger"), PAIRS)
async def test_by_a_stranger(
    server: LocalServer, database: str, owner: str, stranger: str
) -> None:
    """
    A token of another scope sees nothing of the owner's, and changes nothing.
    """
    one, other = await tenant(server, owner), await tenant(server, stranger)
    rows, shown = await stored_rows(server, database), await read_all(one)

    for route in routes_for(stranger):
        for template in REQUESTS[route.name]:
            answer, asked = await send_request(other, one, route, template)
            assert (route.name, set()) == (route.name, leaked(one.marks, answer, asked))
        before, rows = rows, await stored_rows(server, database)
        gone, new = before.keys() - rows.keys(), rows.keys() - before.keys()
        owners = {before[row] for row in gone} | {rows[row] for row in new}
        assert int(one.scope_id) not in owners, route.name
        assert not gone or route.name in OF_ITS_OWN, route.name

    assert shown == await read_all(one)


def routes_for(stranger: str) -> Iterator[ApiRoute]:
    """Yield all routes, reading ones first, but for what is the stranger's to do."""
    for route in (*READ_ROUTES, *CHANGING):
        if stranger != "first" or route.name not in OVER_ALL:
            yield route


def leaked(marks: Set[str], answer: Response, asked: str) -> set[str]:
    """
    Return which marks an answer shows that succeeds, or that refuses what was asked.

    A refusal may repeat what it refuses.
    """
    refused = answer.status in REFUSALS
    assert refused or answer.status < 300, answer.body
    text = answer.body.decode()
    return {mark for mark in marks if mark in text and not (refused and mark in asked)}


async def test_the_owner_sees_it(server: LocalServer) -> None:
    """
    All that must be hidden from strangers is there to be seen by its owner.
    """
    owner = await tenant(server, "second")

    shown = b"".join((await read_all(owner)).values()).decode()

    assert set() == {mark for mark in owner.marks if mark not in shown}
    assert {
        "SUCCESSFUL",
        "SENT",
        "PENDING",
        "-answer",
        "-stray",
        "-tag",
        "-desired",
    } == {
        word
        for word in (
            "SUCCESSFUL",
            "SENT",
            "PENDING",
            "-answer",
            "-stray",
            "-tag",
            "-desired",
        )
        if word in shown
    }
