"""The courier: what it takes where, and what it makes of each answer."""

import json
import time
from email.utils import formatdate

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from pushserver.clock import SECOND
from pushserver.model.event import EventType
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import Health
from pushserver.workers.webhooks.courier import AT_ONCE
from pushserver.workers.webhooks.sender import Sender
from tests.clock import START, ManualClock
from tests.model.values import DEVICE
from tests.workers.webhooks.office import (
    DEAD,
    DONE,
    PENDING,
    Office,
    by_turns,
    hang,
    ids,
    message_ids,
    reset,
    rounds,
    working,
)
from tests.workers.webhooks.receiver import Answer, answering, receiving

NOW = START // SECOND


async def test_delivered(office: Office) -> None:
    """Every event is told once, and what the receiver said is kept."""
    async with receiving(answering(text="thanks")) as receiver:
        courier = await office.subscribe(receiver)
        events = await office.happen(150)
        assert await rounds(courier) > 1

    assert message_ids(events, courier) == sorted(ids(receiver.requests))
    done = await office.deliveries(courier)
    assert [DONE] * 150 == [each.state for each in done]
    (attempt,) = done[0].attempts
    assert (START, 200, "thanks", None) == (
        attempt.at,
        attempt.status,
        attempt.answer,
        attempt.error,
    )
    assert 0 < attempt.duration < 5 * SECOND
    assert events[-1].id == courier.subscription.cursor
    assert START == courier.subscription.last_success_at


async def test_body(office: Office) -> None:
    """What is told is the event, in the body of its format."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen()
        await rounds(courier)

    (request,) = receiver.requests
    assert {
        "type": "device.online",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "data": {
            "deviceId": str(DEVICE),
            "lastSeenAt": "2026-01-01T00:00:00.000000Z",
        },
    } == json.loads(request.body)


async def test_not_wanted(office: Office) -> None:
    """What a subscription does not want is passed over, once."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(
            receiver, events=frozenset({EventType.TASK_FINISHED})
        )
        events = await office.happen(100)
        await rounds(courier)

    assert [] == receiver.requests
    assert [] == await office.deliveries(courier)
    assert events[-1].id == courier.subscription.cursor


async def test_not_before_it_was_made(office: Office) -> None:
    """A subscription is told what happened since it was made."""
    await office.happen()
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        events = await office.happen()
        await rounds(courier)

    assert message_ids(events, courier) == ids(receiver.requests)


FAILURES: dict[str, tuple[Answer, int | None, str]] = {
    "500": (answering(500, "oops"), 500, "answered 500"),
    "404": (answering(404), 404, "answered 404"),
    "hangs": (hang, None, "No answer within"),
    "resets": (reset, None, "broke before the answer"),
    "redirects": (answering(302, Location="/there"), 302, "redirects are not followed"),
    "429": (answering(429), 429, "answered 429"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_failure(office: Office, name: str) -> None:
    """Whatever is no 2xx is told again after some 5 s, under the same id."""
    answer, status, said = FAILURES[name]
    async with receiving(answer) as receiver:
        courier = await office.subscribe(receiver)
        events = await office.happen()
        await rounds(courier)
        failed = await office.only(courier)
        wait = await office.until_due(courier)
        receiver.answer = answering(204)
        await rounds(courier)

    assert PENDING is failed.state
    assert status == failed.attempts[0].status
    assert said in (failed.attempts[0].error or "")
    assert 5 <= wait <= 5.5
    assert 2 * message_ids(events, courier) == ids(receiver.requests)
    done = await office.only(courier)
    assert (DONE, [status, 204]) == (done.state, [a.status for a in done.attempts])


async def test_how_it_does(office: Office) -> None:
    """A subscription knows how its receiver does, also after a restart."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen(3)
        office.clock.tick(1)
        await rounds(courier)

    after = (await office.again(courier)).subscription
    assert (3, START + SECOND, START + SECOND) == (
        after.failures,
        after.failing_since,
        after.last_failure_at,
    )
    assert "The receiver answered 500." == after.last_error


async def test_retry_after_seconds(office: Office) -> None:
    """A receiver that asks to be left alone is, when that is for longer."""
    async with receiving(answering(429, Retry_After="120")) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen()
        await rounds(courier)

        assert 120 == await office.until_due(courier)


async def test_retry_after_date(office: Office) -> None:
    """The same when it names an instant."""
    at = formatdate(NOW + 3600, usegmt=True)
    async with receiving(answering(503, Retry_After=at)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen()
        await rounds(courier)

        assert 3600 == await office.until_due(courier)


async def test_retry_after_in_vain(office: Office) -> None:
    """A shorter wait than ours is not hurried for."""
    async with receiving(answering(503, Retry_After="1")) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen()
        await rounds(courier)

        assert await office.until_due(courier) >= 5


async def test_gone(office: Office) -> None:
    """A 410 switches the subscription off: nothing more is sent, or written for it."""
    async with receiving(answering(410)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen(60)
        await rounds(courier)
        after = len(receiver.requests)
        interest = dict(office.services.store.interest)
        await office.again(courier)
        office.clock.tick(86_400)
        await rounds(await office.again(courier))

    assert after == len(receiver.requests) <= AT_ONCE
    assert {} == interest
    kept = (await office.again(courier)).subscription
    assert Health.DISABLED is kept.health
    assert "it wants no more events" in (kept.last_error or "")
    states = [each.state for each in await office.deliveries(courier)]
    assert (after, 60 - after) == (states.count(DEAD), states.count(PENDING))


async def test_gone_and_back(office: Office) -> None:
    """Enabled again it is told what it was not, and can have the rest again."""
    async with receiving(by_turns(410)) as receiver:
        courier = await office.subscribe(receiver)
        events = await office.happen(60)
        await rounds(courier)
        subscriptions, which = office.services.subscriptions, courier.subscription.id
        await subscriptions.switch(FIRST_SCOPE, which, on=True)
        await rounds(courier)
        await subscriptions.recover(FIRST_SCOPE, which, START)
        await rounds(courier)

    assert set(message_ids(events, courier)) == set(ids(receiver.requests))
    assert {DONE} == {each.state for each in await office.deliveries(courier)}


async def test_disabled(office: Office) -> None:
    """Who is disabled is sent nothing until it is enabled."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        subscriptions, which = office.services.subscriptions, courier.subscription.id
        await subscriptions.switch(FIRST_SCOPE, which, on=False)
        await office.happen(2)
        assert await rounds(courier) > 1
        before = len(receiver.requests)
        await subscriptions.switch(FIRST_SCOPE, which, on=True)
        await rounds(courier)

    assert (0, 2) == (before, len(receiver.requests))


async def test_disabled_in_the_middle(office: Office) -> None:
    """What was not sent yet when it is disabled is sent when it is enabled."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=True)
        subscriptions, which = office.services.subscriptions, courier.subscription.id

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            await subscriptions.switch(FIRST_SCOPE, which, on=False)
            return web.Response()

        receiver.answer = answer
        events = await office.happen(5)
        await rounds(courier)
        before = len(receiver.requests)
        receiver.answer = answering()
        await subscriptions.switch(FIRST_SCOPE, which, on=True)
        await rounds(courier)

    assert 1 == before
    assert message_ids(events, courier) == ids(receiver.requests)


async def test_two_signatures(database: str, hasty: Sender) -> None:
    """While a secret is replaced each delivery verifies with either; later with one."""
    clock = ManualClock(time.time_ns() // 1000)
    async with (
        working(database, clock, hasty) as office,
        receiving(answering()) as receiver,
    ):
        courier = await office.subscribe(receiver)
        one = courier.subscription
        old = one.secret
        await office.services.subscriptions.rotate(FIRST_SCOPE, one.id)
        await office.happen()
        await rounds(courier)
        clock.tick(86_400)
        await office.happen()
        await rounds(courier)

    first, second = receiver.requests
    for secret in (old, one.secret):
        Webhook(secret).verify(first.body, dict(first.headers))
    assert 1 == len(second.headers["webhook-signature"].split())


async def test_settings_at_work(office: Office) -> None:
    """A change of URL or headers is at work with the next try."""
    async with receiving(answering(500)) as old, receiving(answering()) as new:
        courier = await office.subscribe(old)
        await office.happen()
        await rounds(courier)
        await office.services.subscriptions.patch(
            FIRST_SCOPE,
            courier.subscription.id,
            {"url": new.url, "headers": {"X-Door": "7"}},
        )
        await office.until_due(courier)
        await rounds(courier)

    assert ids(old.requests) == ids(new.requests)
    assert "7" == new.requests[0].headers["X-Door"]


async def test_event_is_gone(office: Office) -> None:
    """What cannot be told any more because its event is gone is given up."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen()
        await rounds(courier)
        await office.until_due(courier)
        purge = office.services.store.subscriptions.purge_events
        (waiting,) = await office.deliveries(courier)
        waiting.state = DEAD
        record = office.services.store.subscriptions.record
        await record(courier.subscription, [waiting])
        await office.services.store.subscriptions.purge_dead(
            before=START + SECOND, limit=9
        )
        await purge(before=START + SECOND, limit=9)
        waiting.state = PENDING
        await record(courier.subscription, [waiting])
        await rounds(courier)

    assert DEAD is (await office.only(courier)).state
    assert 1 == len(receiver.requests)


@pytest.mark.parametrize("status", [200, 500])
async def test_ping(office: Office, status: int) -> None:
    """A ping is sent at once and once, and is neither kept nor held against anybody."""
    async with receiving(answering(status)) as receiver:
        courier = await office.subscribe(receiver)
        said = await courier.ping()

    (request,) = receiver.requests
    assert (status == 200, status) == (said.ok, said.attempt.status)
    assert "ping" == json.loads(request.body)["type"]
    assert (0, []) == (
        courier.subscription.failures,
        await office.deliveries(courier),
    )
