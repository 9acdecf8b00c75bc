"""Deliveries of a subscription over the API: pings, tries, and resending."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pushserver.clock import SECOND
from pushserver.model.retry_policy import RETRY_POLICIES, RetryProfile
from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer, running_server
from tests.web.receiver import ReceivedWebhook, RecordingReceiver, running_receiver

WAITS = RETRY_POLICIES[RetryProfile.STANDARD].delays


@attrs.frozen
class Subscribed:
    """A subscription with its receiver."""

    server: LocalServer
    receiver: RecordingReceiver
    id: str
    secret: str

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call what is below the subscription; return what was said."""
        answer = await self.server.api(method, f"/subscriptions/{self.id}{path}", body)
        assert answer.status < 300, answer.body
        return answer.json()

    async def deliveries(self, query: str = "") -> list[dict[str, Any]]:
        """Return the deliveries, newest events first."""
        items: list[dict[str, Any]] = (await self.call("GET", f"/deliveries?{query}"))[
            "items"
        ]
        return items

    async def run_all_retries(self) -> None:
        """Let every try be made that there is."""
        for wait in WAITS:
            self.server.clock.tick(seconds=2 * wait)
            await self.server.deliver_webhooks()


@pytest.fixture(name="subscribed")
async def _subscribed(database: str, clock: ManualClock) -> AsyncIterator[Subscribed]:
    """Return a subscription to what becomes of commands."""
    networks = "127.0.0.0/8"
    async with (
        running_receiver() as receiver,
        running_server(database, clock, webhook_allow_networks=networks) as server,
    ):
        body = {"url": f"{receiver.url}/hook", "events": ["command.status"]}
        created = (await server.api("POST", "/subscriptions", body)).json()
        await server.deliver_webhooks()
        yield Subscribed(server, receiver, created["id"], created["secret"])


async def test_delivered(subscribed: Subscribed) -> None:
    """
    A delivery shows which event it was, and how its try went.
    """
    command = await subscribed.server.enqueue()
    await subscribed.server.deliver_webhooks()
    (delivery,) = await subscribed.deliveries()
    (attempt,) = delivery.pop("attempts")
    (received,) = subscribed.receiver.received

    assert received.body["data"]["commandId"] == command["id"]
    assert {
        "id": delivery["id"],
        "webhookId": received.headers["webhook-id"],
        "type": "command.status",
        "deviceId": str(DEVICE),
        "eventAt": "2026-01-01T00:00:00.000000Z",
        "state": "delivered",
    } == delivery
    assert 0 < attempt.pop("duration") < 10
    event_at = "2026-01-01T00:00:00.000000Z"
    assert {"at": event_at, "status": 200, "answer": "noted"} == attempt


async def test_failed(subscribed: Subscribed) -> None:
    """
    A delivery that failed shows why, and when it is tried again.
    """
    subscribed.receiver.status = 500
    await subscribed.server.enqueue()
    await subscribed.server.deliver_webhooks()
    (delivery,) = await subscribed.deliveries("state=pending")
    shown = await subscribed.call("GET", "")

    assert (500, "noted", "The receiver answered 500.") == tuple(
        delivery["attempts"][0][name] for name in ("status", "answer", "error")
    )
    assert "2026-01-01T00:00:05" == delivery["nextAt"][:19]
    assert 1 == shown["failures"]
    assert "The receiver answered 500." == shown["lastError"]
    assert {"pending": 1, "dead": 0, "unread": 0, "dropped": 0} == shown["backlog"]


async def test_pages(subscribed: Subscribed) -> None:
    """
    Deliveries are listed newest first, page by page, each once.
    """
    path = f"/devices/{DEVICE}/commands"
    await subscribed.server.api("POST", path, [LOAD_USERS] * 5)
    await subscribed.server.deliver_webhooks()
    whole = [each["id"] for each in await subscribed.deliveries()]
    paged, cursor = [], ""
    while True:
        page = await subscribed.call("GET", f"/deliveries?limit=2{cursor}")
        paged += [each["id"] for each in page["items"]]
        if "nextCursor" not in page:
            break
        cursor = f"&cursor={page['nextCursor']}"

    assert 5 == len(whole)
    assert sorted(whole, key=int, reverse=True) == whole == paged


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("state=lost", "/state"), ("limit=0", "/limit"), ("cursor=x", "/cursor")],
)
async def test_wrong_questions(
    subscribed: Subscribed, query: str, pointer: str
) -> None:
    """
    A filter that makes no sense is refused.
    """
    path = f"/subscriptions/{subscribed.id}/deliveries?{query}"

    assert (422, "invalid", pointer) == (
        await subscribed.server.api("GET", path)
    ).problem


async def test_dead_and_redelivered(subscribed: Subscribed) -> None:
    """
    A dead letter is listed, and sent again with the id that it had.
    """
    subscribed.receiver.status = 503
    await subscribed.server.enqueue()
    await subscribed.server.deliver_webhooks()
    await subscribed.run_all_retries()
    (dead,) = await subscribed.deliveries("state=dead")
    subscribed.receiver.status = 200
    again = await subscribed.call("POST", f"/deliveries/{dead['id']}/redeliver")
    await subscribed.server.deliver_webhooks()
    (delivery,) = await subscribed.deliveries()
    ids = {each.headers["webhook-id"] for each in subscribed.receiver.received}

    assert len(WAITS) + 1 == len(dead["attempts"])
    assert "pending" == again["state"]
    assert "delivered" == delivery["state"]
    assert len(WAITS) + 2 == len(delivery["attempts"])
    assert {dead["webhookId"]} == ids


async def test_redeliver_what_was_delivered(subscribed: Subscribed) -> None:
    """
    Also what arrived is sent again when it is asked for.
    """
    await subscribed.server.enqueue()
    await subscribed.server.deliver_webhooks()
    (delivery,) = await subscribed.deliveries()
    await subscribed.call("POST", f"/deliveries/{delivery['id']}/redeliver")
    await subscribed.server.deliver_webhooks()
    first, second = subscribed.receiver.received

    assert first.content == second.content
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_recover(subscribed: Subscribed) -> None:
    """
    All that was given up of events since an instant is sent again, and no older one.
    """
    # This profile gives up at once what a 500 answers.
    await subscribed.call("PATCH", "", {"retryProfile": "huawei"})
    subscribed.receiver.status = 500
    await subscribed.server.enqueue()
    subscribed.server.clock.tick(seconds=60)
    await subscribed.server.api("POST", f"/devices/{DEVICE}/commands", [LOAD_USERS] * 2)
    await subscribed.server.deliver_webhooks()
    dead = len(await subscribed.deliveries("state=dead"))
    subscribed.receiver.status = 200
    since = {"since": "2026-01-01T00:01:00Z"}
    recovered = await subscribed.call("POST", "/recover", since)
    await subscribed.server.deliver_webhooks()

    assert (3, {"recovered": 2}) == (dead, recovered)
    assert 2 == len(await subscribed.deliveries("state=delivered"))
    assert 1 == len(await subscribed.deliveries("state=dead"))


@each_case("since", ["2026-01-01T00:00:00", "yesterday", 5, None])
async def test_recover_since_when(subscribed: Subscribed, since: Any) -> None:
    """
    An instant without an offset, or none at all, is refused.
    """
    path = f"/subscriptions/{subscribed.id}/recover"
    answer = await subscribed.server.api("POST", path, {"since": since})

    assert (422, "invalid", "/since") == answer.problem


async def test_ping(subscribed: Subscribed) -> None:
    """
    A ping is sent at once, verifies, and is stored nowhere.
    """
    ping = await subscribed.call("POST", "/ping")
    (received,) = subscribed.receiver.received

    assert ping["ok"] is True
    assert (200, "noted") == (ping["attempt"]["status"], ping["attempt"]["answer"])
    assert ("ping", {"subscriptionId": subscribed.id}) == (
        received.body["type"],
        received.body["data"],
    )
    assert received.headers["webhook-id"].startswith("msg_ping_")
    assert [] == await subscribed.deliveries()


async def test_ping_in_vain(subscribed: Subscribed) -> None:
    """
    A ping that failed says why, and does the subscription no harm.
    """
    subscribed.receiver.status = 404
    ping = await subscribed.call("POST", "/ping")
    shown = await subscribed.call("GET", "")

    assert (False, "The receiver answered 404.") == (
        ping["ok"],
        ping["attempt"]["error"],
    )
    assert (0, "active") == (shown["failures"], shown["state"])


async def test_ping_while_nobody_delivers(subscribed: Subscribed) -> None:
    """
    Without a worker, as in the moment of a start, a ping is 503.
    """
    subscribed.server.services.subscription_registry.workers.clear()
    answer = await subscribed.server.api("POST", f"/subscriptions/{subscribed.id}/ping")

    assert 503 == answer.status


async def test_verified(subscribed: Subscribed) -> None:
    """
    A delivery verifies by the secret, and with one bit flipped it does not.
    """
    # The library refuses what is older than five minutes.
    subscribed.server.clock.tick(
        seconds=time.time() - subscribed.server.clock.now() / SECOND
    )
    await subscribed.server.enqueue()
    await subscribed.server.deliver_webhooks()
    (received,) = subscribed.receiver.received
    receiver = Webhook(subscribed.secret)
    flipped = bytes([received.content[0] ^ 1]) + received.content[1:]

    assert received.body == receiver.verify(received.content, received.headers)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(flipped, received.headers)


async def test_rotated(subscribed: Subscribed) -> None:
    """
    For a day both the new and the old secret sign, then the new one alone.
    """
    rotated = (await subscribed.call("POST", "/secret/rotate"))["secret"]
    both = [rotated, subscribed.secret]
    signed = []
    for seconds in (0, 86_399, 1):
        subscribed.server.clock.tick(seconds=seconds)
        await subscribed.call("POST", "/ping")
        received = subscribed.receiver.received[-1]
        signatures = received.headers["webhook-signature"].split()
        signed.append([signature(secret, received) in signatures for secret in both])

    assert [[True, True], [True, True], [True, False]] == signed
    assert 1 == len(signatures)


def signature(secret: str, received: ReceivedWebhook) -> str:
    """Return how a delivery is signed by *secret*."""
    headers, text = received.headers, received.content.decode()
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(headers["webhook-id"], at, text)
