"""Who may only write subscriptions reads no headers, and not what receivers say."""

from typing import Any

import pytest

from tests.web.api.subscriptions.requests import create_subscription, get_subscription
from tests.web.console.visitor import Visitor
from tests.web.local_server import LocalServer
from tests.web.receiver import running_receiver

WRITES = "subscriptions:write"
READS = "subscriptions:read"
HEADERS = {"Authorization": "Bearer of-others"}
NEW_URL = "http://127.0.0.1:1/elsewhere"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"description": "x"}),
        ("POST", "/secret/rotate", None),
        ("POST", "/disable", None),
        ("POST", "/enable", None),
    ],
)
async def test_headers(server: LocalServer, method: str, path: str, body: Any) -> None:
    """
    No call that changes a subscription shows its headers, and they stay.
    """
    made = await create_subscription(server, headers=HEADERS)
    path = f"/subscriptions/{made['id']}{path}"

    shown = [
        (await server.api(method, path, body, token=token)).json()["headers"]
        for token in (
            await server.create_token(WRITES),
            await server.create_token(WRITES, READS),
        )
    ]

    assert [{}, HEADERS] == shown
    assert HEADERS == (await get_subscription(server, made))["headers"]


async def test_own_headers(server: LocalServer) -> None:
    """
    Headers that the call itself sent are in its answer.
    """
    token, own = await server.create_token(WRITES), {"X-Site": "north"}
    body = {"url": NEW_URL, "events": ["command.status"], "headers": HEADERS}
    made = (await server.api("POST", "/subscriptions", body, token=token)).json()
    path = f"/subscriptions/{made['id']}"

    changed = await server.api("PATCH", path, {"headers": own}, token=token)

    assert (HEADERS, own) == (made["headers"], changed.json()["headers"])


async def test_new_url(server: LocalServer) -> None:
    """
    Headers that it may not read are not sent to a URL that it chose.
    """
    made = await create_subscription(server, headers=HEADERS)
    path, token = f"/subscriptions/{made['id']}", await server.create_token(WRITES)

    refused = await server.api("PATCH", path, {"url": NEW_URL}, token=token)
    same = await server.api("PATCH", path, {"url": made["url"]}, token=token)
    kept = await get_subscription(server, made)
    anew = {"url": NEW_URL, "headers": {}}
    moved = await server.api("PATCH", path, anew, token=token)

    assert (403, "forbidden", None) == refused.problem
    assert "Give headers" in refused.json()["detail"]
    assert (200, 200) == (same.status, moved.status)
    assert (made["url"], HEADERS) == (kept["url"], kept["headers"])
    assert (NEW_URL, {}) == (moved.json()["url"], moved.json()["headers"])


async def test_new_url_of_a_reader(server: LocalServer) -> None:
    """
    Who may read the headers moves them along; and without any there is none to read.
    """
    made = await create_subscription(server, headers=HEADERS)
    plain = await create_subscription(server, events=["device.online"])
    reader = await server.create_token(WRITES, READS)
    writer = await server.create_token(WRITES)

    moved = [
        await server.api(
            "PATCH", f"/subscriptions/{id_}", {"url": NEW_URL}, token=token
        )
        for id_, token in ((made["id"], reader), (plain["id"], writer))
    ]

    assert [(200, HEADERS), (200, {})] == [
        (each.status, each.json()["headers"]) for each in moved
    ]


async def test_receivers_answer(server: LocalServer) -> None:
    """
    A ping and a redelivery say how it went, not what the receiver said, or its error.
    """
    token = await server.create_token(WRITES)
    async with running_receiver() as receiver:
        receiver.status = 500
        made = await create_subscription(server, url=f"{receiver.url}/hook")
        path = f"/subscriptions/{made['id']}"
        await server.enqueue()
        await server.deliver_webhooks()
        (delivery,) = (await server.api("GET", f"{path}/deliveries")).json()["items"]
        ping = await server.api("POST", f"{path}/ping", token=token)
        redelivery = f"{path}/deliveries/{delivery['id']}/redeliver"
        again = await server.api("POST", redelivery, token=token)
        changed = await server.api("PATCH", path, {"description": "x"}, token=token)

    for attempt in (ping.json()["attempt"], again.json()["attempts"][0]):
        assert {"at", "duration", "status"} == attempt.keys()
        assert 500 == attempt["status"]
    assert "lastFailureAt" in changed.json()
    assert "lastError" not in changed.json()


async def test_at_the_console(server: LocalServer) -> None:
    """
    Nor does the console show it: its form takes reading, and its ping says less.
    """
    async with running_receiver() as receiver:
        made = await create_subscription(server, url=receiver.url, headers=HEADERS)
        path = f"/subscriptions/{made['id']}"
        await server.deliver_webhooks()
        visitor = Visitor(server)
        await visitor.sign_in(await server.create_token(WRITES))

        form = await visitor.get(f"{path}/edit")
        sent = await visitor.send(f"{path}/edit", url=NEW_URL)
        ping = await visitor.send(f"{path}/ping")

    assert (403, 403, 200) == (form.status, sent.status, ping.status)
    assert b"of-others" not in form.body
    assert b"noted" not in ping.body
    assert made["url"] == (await get_subscription(server, made))["url"]
