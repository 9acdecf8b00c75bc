"""What stays until somebody deletes it is bounded."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.clock import ManualClock
from tests.web.local_server import LocalServer, Response, running_server

BOUND = 2
REFUSED = (409, "limit-reached", None)


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with small bounds."""
    names = ("devices", "scope_tokens", "scope_subscriptions", "scopes", "scope_blobs")
    bounds = dict.fromkeys(names, BOUND)
    target = {"webhook_allow_http": True, "webhook_allow_networks": "192.0.2.0/24"}
    async with running_server(database, clock, **target, **bounds) as server:
        yield server


def is_refused(answer: Response) -> bool:
    """Tell whether there are as many as may be."""
    return REFUSED == answer.problem and "60" == answer.headers["Retry-After"]


async def test_tokens(server: LocalServer) -> None:
    """
    A scope has as many tokens as the bound, and one more when one is revoked.
    """
    request = {"name": "x", "permissions": ["events:read"]}
    # The first is that of the settings.
    made = await server.api("POST", "/tokens", request)
    refused = await server.api("POST", "/tokens", request)
    await server.api("DELETE", f"/tokens/{made.json()['id']}")

    assert is_refused(refused)
    assert 201 == (await server.api("POST", "/tokens", request)).status
    assert 1 == server.services.counts["bounds.scopeTokens"]


async def test_scopes(server: LocalServer) -> None:
    """
    There are as many scopes as the bound; each has room for tokens of its own.
    """
    made = await server.api("POST", "/scopes", {"name": "a"})
    refused = await server.api("POST", "/scopes", {"name": "b"})
    path = f"/scopes/{made.json()['id']}/tokens"
    request = {"name": "x", "permissions": ["admin"]}

    assert is_refused(refused)
    assert 201 == (await server.api("POST", path, request)).status
    assert is_refused(await server.api("POST", path, request))


@pytest.mark.parametrize("path", ["/tokens", "/scopes"])
async def test_at_once(server: LocalServer, path: str) -> None:
    """
    Calls that come at the same time fill the room that there is, and no more.
    """
    body = {"permissions": ["events:read"]} if path == "/tokens" else {}
    answers = await asyncio.gather(
        *(server.api("POST", path, {"name": f"x{n}", **body}) for n in range(10))
    )

    # The token of the settings, and the first scope, have been there before.
    assert [201] + [409] * 9 == sorted(each.status for each in answers)


async def test_blobs_at_once(server: LocalServer) -> None:
    """
    So it is with uploads; one that is stored just then may count twice to another,
    which is refused and can be sent again.
    """
    headers = {"Content-Type": "application/octet-stream"}
    uploads = [
        partial(server.api, "POST", "/blobs", b"%d" % n, headers=headers)
        for n in range(10)
    ]
    statuses = [each.status for each in await asyncio.gather(*(up() for up in uploads))]
    again = [(await up()).status for up in uploads]

    assert {201, 409} == set(statuses)
    assert statuses.count(201) <= BOUND
    assert [201] * BOUND + [409] * 8 == sorted(again)


async def test_subscriptions(server: LocalServer) -> None:
    """
    A scope has as many subscriptions as the bound.
    """
    answers = [
        await server.api(
            "POST",
            "/subscriptions",
            {"url": f"http://192.0.2.1/{n}", "events": ["command.status"]},
        )
        for n in range(BOUND + 1)
    ]

    assert [201, 201] == [each.status for each in answers[:BOUND]], answers
    assert is_refused(answers[BOUND])


async def test_devices(server: LocalServer) -> None:
    """
    As many devices are adopted as the bound, in whatever way, and a file that has one
    too many adopts none; those that are there can be changed, and deleted.
    """
    await server.api("PUT", "/devices/1", {})
    lines = b'{"deviceId":%d}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    refused = [
        await server.api(
            "POST", "/devices/import", lines % 2 + lines % 3, headers=headers
        ),
    ]
    await server.enqueue(device_id=2)
    await server.poll("deviceId=3")
    refused += [
        await server.api("PUT", "/devices/3", {}),
        await server.api("POST", "/devices/3/adopt"),
        await server.api("POST", "/devices/3/commands", {"endpoint": "reboot"}),
    ]
    changed = await server.api("PUT", "/devices/1", {"name": "door"})
    await server.api("DELETE", "/devices/1")

    assert [True] * 4 == list(map(is_refused, refused)), refused
    assert 200 == changed.status
    assert 201 == (await server.api("PUT", "/devices/3", {})).status


async def test_strangers(database: str, clock: ManualClock) -> None:
    """
    As many quarantined devices are remembered as the bound; one more is answered alike.
    """
    async with running_server(database, clock, quarantined_devices=BOUND) as server:
        answers = [await server.poll(f"deviceId={n}") for n in range(BOUND + 1)]
        listed = (await server.api("GET", "/devices")).json()["items"]

    assert [True] * 3 == [each.is_empty for each in answers]
    assert ["0", "1"] == [each["deviceId"] for each in listed]
