"""Of a subscription's past, a restricted token gets what it reaches now."""

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from tests.clock import ManualClock
from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, LocalServer, running_server
from tests.web.receiver import RecordingReceiver, running_receiver

OTHER = DEVICE + 1


@attrs.frozen
class Narrowed:
    """A subscription that posted events of a device that it is no longer about."""

    server: LocalServer
    receiver: RecordingReceiver
    path: str
    token: str

    async def listed(self, token: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the deliveries that a token lists, by their devices."""
        answer = await self.server.api(
            "GET", f"{self.path}/deliveries", token=token or self.token
        )
        return {each["deviceId"]: each for each in answer.json()["items"]}


@pytest.fixture(name="narrowed", params=["ids", "tags"])
async def _narrowed(
    database: str, clock: ManualClock, request: pytest.FixtureRequest
) -> AsyncIterator[Narrowed]:
    """Narrow a subscription to a token's device, or take the tag from the other."""
    by_ids = request.param == "ids"
    limits = {"deviceIds": [str(DEVICE)]} if by_ids else {"tags": {"site": "a"}}
    networks = "127.0.0.0/8"
    async with (
        running_receiver() as receiver,
        running_server(database, clock, webhook_allow_networks=networks) as server,
    ):
        for device in (DEVICE, OTHER):
            await server.api("PUT", f"/devices/{device}", {"tags": {"site": "a"}})
        body = {"name": "one door", "permissions": ["admin"], **limits}
        token = (await server.api("POST", "/tokens", body)).json()["token"]
        body = {
            "url": f"{receiver.url}/hook",
            "events": ["command.status"],
            "retryProfile": "huawei",
            **({} if by_ids else limits),
        }
        made = (await server.api("POST", "/subscriptions", body)).json()
        path = f"/subscriptions/{made['id']}"
        # This profile gives up at once what a 500 answers.
        receiver.status = 500
        for device in (DEVICE, OTHER):
            await server.enqueue(device_id=device)
        await server.deliver_webhooks()
        receiver.status = 200
        receiver.received.clear()
        if by_ids:
            await server.api("PATCH", path, limits)
        else:
            gone = {"tags": {"site": "b"}}
            await server.api("PATCH", f"/devices/{OTHER}", gone)
        yield Narrowed(server, receiver, path, token)


async def test_listed(narrowed: Narrowed) -> None:
    """
    It lists the deliveries of its devices; who is not restricted lists all.
    """
    everyone = await narrowed.server.create_token("admin")

    assert {str(DEVICE)} == (await narrowed.listed()).keys()
    assert {str(DEVICE), str(OTHER)} == (await narrowed.listed(everyone)).keys()


async def test_redelivered(narrowed: Narrowed) -> None:
    """
    What is of another device is not there for it; others are told why it is not sent.
    """
    server = narrowed.server
    everyone = await server.create_token("admin")
    other = (await narrowed.listed(everyone))[str(OTHER)]["id"]
    path = f"{narrowed.path}/deliveries/{other}/redeliver"

    hidden = await server.api("POST", path, token=narrowed.token)
    refused = await server.api("POST", path, token=everyone)
    await server.deliver_webhooks()

    assert (404, "not-found", None) == hidden.problem
    assert (409, "conflict", None) == refused.problem
    assert "does not want this event" in refused.json()["detail"]
    assert [] == narrowed.receiver.received


async def test_stored_answer(narrowed: Narrowed) -> None:
    """
    An Idempotency-Key shows no stored answer of a device that is not its own any more.
    """
    server, tags = narrowed.server, {"tags": {"site": "a"}}
    body = {"name": "tag", "permissions": ["admin"], **tags}
    token = (await server.api("POST", "/tokens", body)).json()["token"]
    await server.api("PATCH", narrowed.path, {"deviceIds": None, **tags})
    await server.api("PATCH", f"/devices/{OTHER}", tags)
    other = (await narrowed.listed(token))[str(OTHER)]["id"]
    path = f"{narrowed.path}/deliveries/{other}/redeliver"
    key = {"Idempotency-Key": "once"}

    first = await server.api("POST", path, token=token, headers=key)
    await server.api("PATCH", f"/devices/{OTHER}", {"tags": {"site": "b"}})
    again = await server.api("POST", path, token=token, headers=key)

    assert (202, 404) == (first.status, again.status)


@pytest.mark.parametrize("restricted", [True, False])
async def test_recovered(narrowed: Narrowed, restricted: bool) -> None:
    """
    What is recovered, whoever asks, is what the subscription is about now.
    """
    server = narrowed.server
    everyone = await server.create_token("admin")

    answer = await server.api(
        "POST",
        f"{narrowed.path}/recover",
        {"since": "2026-01-01T00:00:00Z"},
        token=narrowed.token if restricted else everyone,
    )
    await server.deliver_webhooks()

    assert {"recovered": 1} == answer.json()
    assert [str(DEVICE)] == [
        each.body["data"]["deviceId"] for each in narrowed.receiver.received
    ]
    assert "dead" == (await narrowed.listed(everyone))[str(OTHER)]["state"]


async def test_at_the_console(narrowed: Narrowed) -> None:
    """
    So it is at the console.
    """
    visitor = Visitor(narrowed.server)
    await visitor.sign_in(narrowed.token)
    everyone = await narrowed.server.create_token("admin")
    other = (await narrowed.listed(everyone))[str(OTHER)]["id"]

    page = (await visitor.get(narrowed.path)).body.decode()
    hidden = await visitor.send(f"{narrowed.path}/deliveries/{other}/redeliver")
    await visitor.send(f"{narrowed.path}/recover", hours="24")
    await narrowed.server.deliver_webhooks()

    assert (True, False) == (f"devices/{DEVICE}" in page, f"devices/{OTHER}" in page)
    assert 404 == hidden.status
    assert [str(DEVICE)] == [
        each.body["data"]["deviceId"] for each in narrowed.receiver.received
    ]
