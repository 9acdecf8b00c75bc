"""Trying again: when, how often, in which order, and when no more."""

import pytest
from aiohttp import web

from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import RETRYING, Profile
from tests.clock import START
from tests.workers.webhooks.office import (
    DEAD,
    DONE,
    PENDING,
    Office,
    by_turns,
    failing_if,
    hang,
    ids,
    message_ids,
    rounds,
)
from tests.workers.webhooks.receiver import answering, receiving

MINUTE, HOUR = 60, 3600
STANDARD = [
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
]


def test_huawei_gives_up_after_ten_minutes() -> None:
    """The waits of that profile are the ten minutes that Huawei retries for."""
    rules = RETRYING[Profile.HUAWEI]

    assert 10 * MINUTE == sum(rules.waits)
    assert 15 == rules.waits[0]
    assert frozenset({501, 502, 503, 504}) == rules.retried


@pytest.mark.parametrize("profile", list(Profile))
async def test_waits(office: Office, profile: Profile) -> None:
    """Each wait is as the profile has it, and a little more; then the event is dead."""
    expected = {
        Profile.STANDARD: STANDARD,
        Profile.HUAWEI: list(RETRYING[Profile.HUAWEI].waits),
    }[profile]
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, profile=profile)
        events = await office.happen()
        await rounds(courier)
        waits = []
        while (await office.only(courier)).state is PENDING:
            waits.append(await office.until_due(courier))
            await rounds(courier)

    assert len(expected) == len(waits)
    assert all(
        wait <= waited <= 1.1 * wait
        for wait, waited in zip(expected, waits, strict=True)
    )
    assert (1 + len(waits)) * message_ids(events, courier) == ids(receiver.requests)
    dead = await office.only(courier)
    assert (DEAD, None, 1 + len(waits)) == (
        dead.state,
        dead.next_at,
        len(dead.attempts),
    )


@pytest.mark.parametrize(
    ("status", "again"),
    [(500, False), (404, False), (429, False), (302, False), (501, True), (504, True)],
)
async def test_worth_another_try(office: Office, status: int, *, again: bool) -> None:
    """Huawei's platforms try again after 501 to 504, and after nothing else."""
    async with receiving(answering(status)) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        await office.happen()
        await rounds(courier)

    assert (PENDING if again else DEAD) is (await office.only(courier)).state


async def test_no_answer_is_worth_another_try(office: Office) -> None:
    """And after no answer at all."""
    async with receiving(hang) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        await office.happen()
        await rounds(courier)

        assert PENDING is (await office.only(courier)).state
        assert 15 <= await office.until_due(courier) <= 16.5


async def test_dead_letters(office: Office) -> None:
    """What was given up is listed, and can be sent again: one, or all of a time."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        events = await office.happen(3)
        await rounds(courier)
        dead = await office.deliveries(courier, DEAD)
        first = ids(receiver.requests)
        receiver.answer = answering()
        subscriptions, which = office.services.subscriptions, courier.subscription.id
        await subscriptions.redeliver(FIRST_SCOPE, which, events[1].id)
        await rounds(courier)
        left = await office.deliveries(courier, DEAD)
        assert 2 == await subscriptions.recover(FIRST_SCOPE, which, START)
        await rounds(courier)

    every = message_ids(events, courier)
    assert every == [each.message_id for each in dead]
    assert [events[0].id, events[2].id] == [each.event_id for each in left]
    assert every == sorted(first)
    assert [every[1], every[0], every[2]] == [
        ids(receiver.requests)[3],
        *sorted(ids(receiver.requests)[4:]),
    ]
    done = await office.deliveries(courier)
    assert [(DONE, 2)] * 3 == [(each.state, len(each.attempts)) for each in done]


async def test_told_again(office: Office) -> None:
    """What was delivered can be sent again, with the same id and the same body."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver)
        (event,) = await office.happen()
        await rounds(courier)
        await office.services.subscriptions.redeliver(
            FIRST_SCOPE, courier.subscription.id, event.id
        )
        await rounds(courier)

    first, second = receiver.requests
    assert (first.body, first.headers["webhook-id"]) == (
        second.body,
        second.headers["webhook-id"],
    )


async def test_in_order(office: Office) -> None:
    """Ordered, a device's events come one after the other; others are not held up."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=True)
        first = await office.happen(3, device=1)
        second = await office.happen(3, device=2)
        bad = message_ids(first, courier)[1]
        receiver.answer = failing_if(lambda message_id: message_id == bad)
        await rounds(courier)
        later = await office.happen(2, device=1)
        third = await office.happen(2, device=3)
        await rounds(courier)
        so_far = ids(receiver.requests)
        receiver.answer = answering()
        office.clock.tick(6)
        await rounds(courier)

    of_device = message_ids([*first, *later], courier)
    others = message_ids([*second, *third], courier)
    assert {*of_device[:2], *others} == set(so_far)
    assert others == [each for each in ids(receiver.requests) if each in others]
    mine = [each for each in ids(receiver.requests) if each in of_device]
    assert [*of_device[:2], *of_device[1:]] == mine


async def test_in_order_and_dead(office: Office) -> None:
    """Ordered, an event that is given up makes way for the next."""
    async with receiving(answering()) as receiver:
        courier = await office.subscribe(receiver, ordered=True, profile=Profile.HUAWEI)
        events = await office.happen(3)
        receiver.answer = by_turns(500)
        await rounds(courier)

    assert message_ids(events, courier) == ids(receiver.requests)
    states = [each.state for each in await office.deliveries(courier)]
    assert [DEAD, DONE, DONE] == states


async def test_in_order_at_rest(office: Office) -> None:
    """Ordered, what waits behind a failure keeps nobody awake."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver, ordered=True)
        await office.happen(3)

        assert await rounds(courier) >= 5
        assert 1 == len(receiver.requests)


async def test_in_order_one_at_a_time(office: Office) -> None:
    """Ordered, a device's next event leaves when the one before was answered."""
    open_now, most = 0, 0

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await office.services.store.subscriptions.newest_event()
        open_now -= 1
        return web.Response()

    async with receiving(answer) as receiver:
        courier = await office.subscribe(receiver, ordered=True)
        events = await office.happen(100)
        await rounds(courier)

    assert message_ids(events, courier) == ids(receiver.requests)
    assert 1 == most
