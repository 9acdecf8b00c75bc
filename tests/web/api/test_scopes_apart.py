"""No scope sees or changes what is another's: every route, asked by a stranger."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from string import Template
from typing import Any

import attrs
import pytest

from pushserver.web.api import ROUTES, events
from pushserver.web.api.route import Route
from tests.clock import ManualClock
from tests.everything import every_row
from tests.web.api.tenant import NOBODY, Tenant, first, newcomer, settled
from tests.web.api.upgrades import PHASES
from tests.web.site import Answer, Site, standing

#: A row with the table that it is in.
Rows = Mapping[tuple[Any, ...], int | None]


@attrs.frozen(kw_only=True)
class Ask:
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
TOKEN_WANTED = '{"name": "mine", "permissions": ["results:read"]}'
OCTETS = "application/octet-stream"

#: How each route is asked. The first way is one in which the owner is not refused.
ASKED: Mapping[str, tuple[Ask, ...]] = {
    "enqueue": (
        Ask(body=ENDPOINT),
        Ask(body=f"[{ENDPOINT}, {ENDPOINT}]"),
        Ask(body="bytes", kind=OCTETS, query="endpoint=user_set_image"),
    ),
    "listCommandsOfDevice": (Ask(), Ask(query="state=PENDING")),
    "listCommands": (
        Ask(),
        Ask(query="deviceId=$device_id"),
        Ask(query="endpoint=load_objects"),
        Ask(query="state=SUCCESSFUL&state=SENT&state=PENDING"),
    ),
    "getCommand": (Ask(), Ask(command="sent"), Ask(command="pending")),
    "cancelCommand": (Ask(command="pending"), Ask(command="sent"), Ask()),
    "getCommandResult": (Ask(), Ask(command="pending")),
    "retryCommand": (Ask(), Ask(command="pending")),
    "beginOperation": (
        Ask(body=f'{{"deviceId": "$device_id", {STEPS}}}'),
        Ask(body='{"deviceId": "$device_id"}'),
    ),
    "listOperations": (
        Ask(),
        Ask(query="deviceId=$device_id"),
        Ask(query="taskId=$task_id"),
        Ask(query="status=RUNNING"),
        Ask(query="resource=$resource"),
    ),
    "getOperation": (Ask(),),
    "cancelOperation": (Ask(),),
    "notifyOperation": (Ask(body='{"progress": 1}'),),
    "listNotifications": (Ask(), Ask(query="cursor=1")),
    "makeTask": (
        Ask(body=f'{{"targets": {{"deviceIds": ["$device_id"]}}, {STEPS}}}'),
        Ask(body=f'{{"targets": {{"tags": {{"owner": "$owner"}}}}, {STEPS}}}'),
        Ask(body=f'{{"targets": {{"all": true}}, "dryRun": true, {STEPS}}}'),
    ),
    "listTasks": (Ask(),),
    "getTask": (Ask(),),
    "pauseTask": (Ask(),),
    "resumeTask": (Ask(task="paused"), Ask()),
    "cancelTask": (Ask(), Ask(task="paused")),
    "retryTask": (Ask(), Ask(body='{"includeUnknown": true}')),
    "makeUpgrade": (
        Ask(body=f'{{"targets": {{"deviceIds": ["$device_id"]}}, {UPGRADE}}}'),
        Ask(body=f'{{"targets": {{"tags": {{"owner": "$owner"}}}}, {UPGRADE}}}'),
        Ask(body=f'{{"targets": {{"all": true}}, "dryRun": true, {UPGRADE}}}'),
    ),
    "listUpgrades": (Ask(),),
    "getUpgrade": (Ask(),),
    "listDevicesOfUpgrade": (Ask(), Ask(query="state=waiting")),
    "pauseUpgrade": (Ask(),),
    "resumeUpgrade": (Ask(upgrade="upgradePaused"), Ask()),
    "cancelUpgrade": (Ask(), Ask(upgrade="upgradePaused")),
    "retryUpgrade": (Ask(),),
    "getShadow": (Ask(),),
    "patchShadow": (Ask(body=DESIRED), Ask(body="{}"), Ask(body='{"ntp": null}')),
    "refreshShadow": (Ask(), Ask(body='{"ntp": ["enabled"]}')),
    "patchShadows": (
        Ask(body=f'{{"targets": {{"deviceIds": ["$device_id"]}}, {OF_ALL}}}'),
        Ask(body=f'{{"targets": {{"all": true}}, {OF_ALL}}}'),
        Ask(body=f'{{"targets": {{"all": true}}, "dryRun": true, {OF_ALL}}}'),
    ),
    "makeSubscription": (Ask(body=f'{{"url": "{NOBODY}/mine", {EVENTS}}}'),),
    "listSubscriptions": (Ask(),),
    "getSubscription": (Ask(),),
    "changeSubscription": (Ask(body='{"description": "x"}'), Ask(body="{}")),
    "deleteSubscription": (Ask(),),
    "pingSubscription": (Ask(),),
    "rotateSecret": (Ask(),),
    "enableSubscription": (Ask(),),
    "disableSubscription": (Ask(),),
    "listDeliveries": (Ask(), Ask(query="state=pending")),
    "redeliver": (Ask(),),
    "recoverSubscription": (Ask(body='{"since": "2020-01-01T00:00:00Z"}'),),
    "streamEvents": (
        Ask(query="lastEventId=0"),
        Ask(query="lastEventId=0&deviceId=$device_id"),
        Ask(query="lastEventId=0&tag=$tag"),
    ),
    "listResults": (
        Ask(),
        Ask(query="deviceId=$device_id"),
        Ask(query="orphan=true"),
        Ask(query="orphan=false"),
    ),
    "listDevices": (Ask(), Ask(query="tag=$tag"), Ask(query="state=adopted")),
    "importDevices": (
        Ask(
            body='{"deviceId": "$device_id", "name": "x"}', kind="application/x-ndjson"
        ),
        Ask(body="deviceId\n1\n$device_id\n", kind="text/csv"),
    ),
    "getDevice": (Ask(),),
    "putDevice": (Ask(body='{"name": "x"}'), Ask(body="{}")),
    "patchDevice": (Ask(body='{"name": "x"}'), Ask(body="{}")),
    "deleteDevice": (Ask(),),
    "adoptDevice": (Ask(),),
    "makeDeviceKey": (Ask(), Ask(body='{"enforce": true}')),
    "makeToken": (Ask(body=TOKEN_WANTED),),
    "listTokens": (Ask(),),
    "revokeToken": (Ask(),),
    "makeScope": (Ask(body='{"name": "x"}'),),
    "listScopes": (Ask(),),
    "makeTokenOfScope": (Ask(body=TOKEN_WANTED),),
    "purge": (Ask(body='{"before": "2999-01-01T00:00:00Z"}'),),
    "getServer": (Ask(),),
    "getOpenapi": (Ask(),),
}
#: What the first scope's administrators may do to others: they run the server.
OVER_ALL = {"listScopes", "makeTokenOfScope"}
#: What deletes, whatever it is asked: the caller's own things, and nobody else's.
OF_ITS_OWN = {"purge"}
#: (whose things are named, who asks)
PAIRS = [("first", "second"), ("second", "first"), ("second", "third")]
#: What reads is asked one after the other, since it should change nothing.
READING = tuple(route for route in ROUTES if route.method == "GET")
CHANGING = tuple(route for route in ROUTES if route.method != "GET")
REFUSALS = (403, 404, 409, 422)


@pytest.fixture(name="site")
async def _site(
    database: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """Return a server whose webhooks may stay inside, and its streams read soon."""
    monkeypatch.setattr(events, "HEARTBEAT", 0.02)
    networks = "127.0.0.0/8"
    async with standing(database, clock, webhook_allow_networks=networks) as site:
        yield site


async def tenant(site: Site, name: str) -> Tenant:
    """Return a tenant with one of everything."""
    number = ("first", "second", "third").index(name)
    empty = first(site) if name == "first" else await newcomer(site, name)
    return await settled(empty, name, number)


async def ask(
    by: Tenant, about: Tenant, route: Route[Any, Any], how: Ask
) -> tuple[Answer, str]:
    """Call a route that names *about*'s things; return also what was said."""
    own = about.ids
    ids = {
        **own,
        "command_id": own[how.command],
        "task_id": own[how.task],
        "upgrade_id": own[how.upgrade],
    }
    path = route.path.format(**ids) + Template(f"?{how.query}").substitute(ids)
    body = Template(how.body or "").substitute(ids)
    answer = await by.site.api(
        route.method,
        path,
        body.encode() or None,
        token=by.token,
        headers={"Content-Type": how.kind} if body else {},
    )
    return answer, path + body


async def kept(site: Site, database: str) -> Rows:
    """Return every row with its scope, but for what reading and polling renew."""
    await site.services.polling.record()
    while not site.services.fleet.is_flushed:
        await site.services.fleet.flush()
    rows: dict[tuple[Any, ...], int | None] = {}
    for table, own in every_row(database):
        if table not in ("device_seen", "interest"):
            rows[(table, *own.items())] = own.get("scope_id")
    return rows


async def seen(owner: Tenant) -> Mapping[str, bytes]:
    """Return all that the owner can read."""
    return {
        f"{route.name} {how}": (await ask(owner, owner, route, how))[0].body
        for route in READING
        for how in ASKED[route.name]
    }


def test_every_route_is_asked() -> None:
    """
    No route is left out.
    """
    assert {route.name for route in ROUTES} == set(ASKED)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_by_the_owner(site: Site, route: Route[Any, Any]) -> None:
    """
    The owner is not refused what a stranger is: it is the scope that makes it so.
    """
    owner = await tenant(site, "first")

    answer, _ = await ask(owner, owner, route, ASKED[route.name][0])

    assert answer.status < 300, answer.body


@pytest.mark.parametrize(("owner", "stranger"), PAIRS)
@pytest.mark.parametrize(
    "routes",
    [READING, *((route,) for route in CHANGING)],
    ids=["reading", *(route.name for route in CHANGING)],
)
async def test_by_a_stranger(
    site: Site,
    database: str,
    routes: Sequence[Route[Any, Any]],
    owner: str,
    stranger: str,
) -> None:
    """
    Whoever has another scope's token sees nothing of the owner's, and changes nothing.
    """
    one, other = await tenant(site, owner), await tenant(site, stranger)
    rows, shown = await kept(site, database), await seen(one)

    for route, how in wanted(routes, stranger):
        answer, said = await ask(other, one, route, how)
        refused = answer.status in REFUSALS
        found = {mark for mark in one.marks if mark in answer.body.decode()}

        assert refused or answer.status < 300, (route.name, answer.body)
        told = {mark for mark in found if not (refused and mark in said)}
        assert (route.name, set()) == (route.name, told)

    now = await kept(site, database)
    gone = rows.keys() - now.keys()
    assert int(one.scope_id) not in {rows[row] for row in gone}
    assert not gone or route.name in OF_ITS_OWN
    assert int(one.scope_id) not in {now[row] for row in now.keys() - rows.keys()}
    assert shown == await seen(one)


def wanted(
    routes: Sequence[Route[Any, Any]], stranger: str
) -> Iterator[tuple[Route[Any, Any], Ask]]:
    """Return each way of asking, but for what is the stranger's to do."""
    for route in routes:
        if stranger != "first" or route.name not in OVER_ALL:
            yield from ((route, how) for how in ASKED[route.name])


async def test_the_owner_sees_it(site: Site) -> None:
    """
    All that must be hidden from strangers is there to be seen by its owner.
    """
    owner = await tenant(site, "second")

    shown = b"".join((await seen(owner)).values()).decode()

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
