"""A receiver that is away is paused, looked after, and told the rest later."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import Health, Profile
from tests.clock import START
from tests.workers.webhooks.office import (
    DONE,
    PENDING,
    Office,
    ids,
    message_ids,
    rounds,
)
from tests.workers.webhooks.receiver import answering, receiving

MINUTE = 60


async def test_paused(office: Office) -> None:
    """Twenty failures in a row, over five minutes, and the receiver is left alone."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen(30)
        await rounds(courier)
        at_once = courier.subscription.health
        office.clock.tick(5 * MINUTE)
        await rounds(courier)

    assert Health.ACTIVE is at_once
    assert Health.PAUSED is (await office.again(courier)).subscription.health


async def test_not_paused(office: Office) -> None:
    """A success in between, and the failures are counted anew."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen(19)
        await rounds(courier)
        receiver.answer = answering()
        await office.happen()
        await rounds(courier)
        receiver.answer = answering(500)
        office.clock.tick(10 * MINUTE)
        await office.happen()
        await rounds(courier)

    assert Health.ACTIVE is courier.subscription.health


async def test_huawei_paused(office: Office) -> None:
    """Ten failures in a row, and that profile pauses at once."""
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        await office.happen(9)
        await rounds(courier)
        nine = courier.subscription.health
        await office.happen()
        await rounds(courier)

    assert (Health.ACTIVE, Health.PAUSED) == (nine, courier.subscription.health)


async def test_probed_and_resumed(office: Office) -> None:
    """A paused receiver is tried once a minute; when it is back it gets everything."""
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        events = [*await office.happen(10)]
        await rounds(courier)
        events += await office.happen(200)
        tried = []
        for _ in range(3):
            before = len(receiver.requests)
            await rounds(courier)
            office.clock.tick(MINUTE - 1)
            await rounds(courier)
            office.clock.tick(1)
            await rounds(courier)
            tried.append(len(receiver.requests) - before)
        receiver.answer = answering()
        office.clock.tick(MINUTE)
        await rounds(courier)

    assert [1, 1, 1] == tried
    assert Health.ACTIVE is courier.subscription.health
    assert set(message_ids(events, courier)) == set(ids(receiver.requests))
    assert {DONE} == {each.state for each in await office.deliveries(courier)}


async def test_resumed_at_once(office: Office) -> None:
    """Who is back gets at once what would have had to wait for long."""
    async with receiving(answering(500)) as receiver:
        courier = await office.subscribe(receiver)
        await office.happen(30)
        await rounds(courier)
        office.clock.tick(5.5 * MINUTE)
        await rounds(courier)
        paused = courier.subscription.health
        receiver.answer = answering()
        await office.happen()
        office.clock.tick(MINUTE)
        await rounds(courier)

    assert Health.PAUSED is paused
    assert [DONE] * 31 == [each.state for each in await office.deliveries(courier)]


@pytest.mark.parametrize("profile", list(Profile))
async def test_probes_use_up_nothing(office: Office, profile: Profile) -> None:
    """However often a receiver is probed, no event is given up before its time."""
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, profile=profile)
        await office.happen()
        for _ in range(8 if profile is Profile.HUAWEI else 6 * 60):
            await rounds(courier)
            office.clock.tick(MINUTE)
        tried = await office.only(courier)

    assert PENDING is tried.state


async def test_paused_after_restart(office: Office) -> None:
    """Who is paused stays so over a restart, is probed, and resumes."""
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        await office.happen(10)
        await rounds(courier)
        again = await office.again(courier)
        await office.happen()
        await rounds(again)
        probes = len(receiver.requests) - 10
        receiver.answer = answering()
        office.clock.tick(MINUTE)
        await rounds(again)

    assert 1 == probes
    assert Health.ACTIVE is again.subscription.health
    assert {DONE} == {each.state for each in await office.deliveries(again)}


async def test_resumed_in_order(office: Office) -> None:
    """Ordered, what gathered during a pause comes in order for each device."""
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, ordered=True, profile=Profile.HUAWEI)
        events = [
            event
            for number in range(40)
            for event in await office.happen(device=number % 12)
        ]
        await rounds(courier)
        paused = courier.subscription.health
        before = len(receiver.requests)
        receiver.answer = answering()
        office.clock.tick(MINUTE)
        await rounds(courier)

    assert Health.PAUSED is paused
    told = ids(receiver.requests)[before:]
    for device in range(12):
        own = [event for event in events if event.device_id == device]
        mine = message_ids(own, courier)
        assert mine == [each for each in told if each in mine]


async def test_enabled_by_hand(office: Office) -> None:
    """Who is enabled by hand is told what is new without waiting for a probe."""
    async with receiving(answering(503)) as receiver:
        courier = await office.subscribe(receiver, profile=Profile.HUAWEI)
        await office.happen(10)
        await rounds(courier)
        receiver.answer = answering()
        await office.services.subscriptions.switch(
            FIRST_SCOPE, courier.subscription.id, on=True
        )
        events = await office.happen(5)
        await rounds(courier)

    told = ids(receiver.requests)[-5:]
    assert message_ids(events, courier) == sorted(told)
    assert START == office.clock.now() < START + SECOND
