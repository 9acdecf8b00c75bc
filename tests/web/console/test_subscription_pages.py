"""Subscriptions at the console: made, tried, changed, sent again, deleted."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, running_server
from tests.web.receiver import RecordingReceiver, running_receiver


@pytest.fixture(name="receiver")
async def _receiver() -> AsyncIterator[RecordingReceiver]:
    async with running_receiver() as receiver:
        yield receiver


@pytest.fixture(name="visitor")
async def _visitor(
    database: str, clock: ManualClock, receiver: RecordingReceiver
) -> AsyncIterator[Visitor]:
    """Return an administrator, where webhooks may go to this machine."""
    assert receiver.url
    async with running_server(
        database, clock, webhook_allow_networks="127.0.0.0/8"
    ) as server:
        visitor = Visitor(server)
        await visitor.sign_in()
        yield visitor


async def make(visitor: Visitor, url: str) -> tuple[str, str]:
    """Make a subscription; return its path and its secret."""
    fields = {"url": f"{url}/hook", "event.command.status": "on", "tags": "site=north"}
    page = (await visitor.send("/subscriptions", **fields)).body.decode()
    found = re.search(r"<code>(whsec_[^<]+)</code>.*?(/subscriptions/\d+)", page, re.S)
    assert found is not None, page
    await visitor.server.deliver_webhooks()
    return found[2], found[1]


async def test_life(visitor: Visitor, receiver: RecordingReceiver) -> None:
    """
    The secret is shown once; what is posted is listed with its answer, and sent again.
    """
    server = visitor.server
    path, secret = await make(visitor, receiver.url)
    await server.api("PUT", f"/devices/{DEVICE}", {"tags": {"site": "north"}})
    receiver.status = 500
    await server.enqueue()
    await server.deliver_webhooks()
    page = (await visitor.get(path)).body.decode()
    again = re.search(r"/console(/subscriptions/\d+/deliveries/\d+/redeliver)", page)
    assert again is not None
    receiver.status = 200
    await visitor.send(again[1])
    await server.deliver_webhooks()
    after = (await visitor.get(f"{path}?state=delivered")).body.decode()
    pinged = (await visitor.send(f"{path}/ping")).body

    assert secret.startswith("whsec_")
    assert secret not in page
    assert "<strong>500</strong>" in page
    assert "<strong>200</strong>" in after
    assert b"The receiver answered" in pinged


async def test_changes(visitor: Visitor, receiver: RecordingReceiver) -> None:
    """
    A change writes what the form has otherwise; switching, a new secret and deleting
    are each in the audit.
    """
    server = visitor.server
    path, secret = await make(visitor, receiver.url)
    form = (await visitor.get(f"{path}/edit")).body
    fields = {
        "url": f"{receiver.url}/hook",
        "event.command.status": "on",
        "tags": "",
        "ordered": "no",
        "retryProfile": "standard",
        "appId": "1",
    }
    await visitor.send(f"{path}/edit", **fields, headers="X-Site: north")
    wrong = await visitor.send(f"{path}/edit", **fields, headers="no header")
    await visitor.send(f"{path}/disable")
    shown = (await server.api("GET", path)).json()
    rotated = (await visitor.send(f"{path}/rotate")).body
    refused = await visitor.send(f"{path}/delete", typed="x")
    await visitor.send(f"{path}/delete", typed="127.0.0.1")
    entries = (await server.api("GET", "/audit?targetKind=subscription")).json()

    assert b'value="site=north"' in form
    assert "tags" not in shown
    assert {"X-Site": "north"} == shown["headers"]
    assert "disabled" == shown["state"]
    assert secret.encode() not in rotated
    assert (422, 422) == (wrong.status, refused.status)
    assert ["delete", "secret", "disable", "change", "create"] == [
        each["action"].partition(".")[2] for each in entries["items"]
    ]


async def test_wrong(visitor: Visitor, receiver: RecordingReceiver) -> None:
    """
    What is wrong stands beside its field; what was typed stays.
    """
    wrong = await visitor.send("/subscriptions", url="ftp://x", description="gate")
    await make(visitor, receiver.url)
    twice = await visitor.send(
        "/subscriptions",
        url=f"{receiver.url}/hook",
        tags="site=north",
        **{"event.command.status": "on"},
    )

    assert b'value="gate"' in wrong.body
    assert (422, 409) == (wrong.status, twice.status)
    assert b"posts the same events" in twice.body
