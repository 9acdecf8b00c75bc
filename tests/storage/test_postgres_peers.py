"""Two servers over one database: what one does, the other hears."""

import pytest

from pushserver.model.event import EventType
from pushserver.model.news import Sighting
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import Health
from pushserver.storage.subscribing import Wish
from tests.model.values import DEVICE, GRACE, command, result
from tests.storage.deeds import enqueue, fly, post, report
from tests.storage.outbox import subscription
from tests.storage.peers import Ear, Pair, cut
from tests.storage.test_fleet import device, token

pytestmark = pytest.mark.only_on("postgres")


async def test_command_for_a_poll_elsewhere(pair: Pair) -> None:
    """A command that one server takes is handed out by another."""
    idle = pair.b.is_idle(DEVICE, pair.b.now(), GRACE)
    one = command()
    await enqueue(pair.a, one)
    await pair.ear.until(lambda news: DEVICE in news.waiting)

    assert idle
    assert not pair.b.is_idle(DEVICE, pair.b.now(), GRACE)
    assert one.id == (await fly(pair.b)).command.id


async def test_what_nobody_told(pair: Pair) -> None:
    """A command is found by others also if its server dies before it tells them."""
    await pair.a.desk.close()
    now = pair.a.now()
    one = command(id=pair.a.new_id(), created_at=now, expires_at=now + 10**9)
    pair.a.interest[FIRST_SCOPE] = pair.b.interest.get(FIRST_SCOPE, frozenset())
    await enqueue(pair.a, one)
    await post(pair.a, result(id=pair.a.new_id()))
    news = await pair.ear.until(lambda news: bool(news.waiting))
    came = await pair.ear.until(lambda news: bool(news.results))

    assert {DEVICE} == news.waiting
    assert {FIRST_SCOPE} == came.results


async def test_ends_elsewhere(pair: Pair) -> None:
    """Who waits for a command's end, or for results, hears of them from others."""
    one = command()
    await enqueue(pair.a, one)
    flight = await fly(pair.a)
    await report(pair.a, flight)
    news = await pair.ear.until(lambda news: one.id in news.over)

    assert {FIRST_SCOPE} == news.results


async def test_what_people_change(pair: Pair) -> None:
    """Devices, tokens and subscriptions that change at one server are told to all."""
    await pair.a.save_devices([device()])
    changed = await pair.ear.until(lambda news: bool(news.devices))
    await pair.a.add_token(token(1))
    await pair.ear.until(lambda news: news.tokens)
    one = subscription()
    await pair.a.subscriptions.add_subscription(one)
    await pair.ear.until(lambda news: news.subscriptions)
    pair.ear.heard.clear()
    one.description = "changed"
    await pair.a.subscriptions.change_subscription(one, ("description",))
    await pair.ear.until(lambda news: news.subscriptions)

    assert {DEVICE} == changed.devices


async def test_how_subscriptions_do_is_not_told(pair: Pair) -> None:
    """Of how a subscription does others are told only whether it is at work."""
    one = subscription()
    await pair.a.subscriptions.add_subscription(one)
    await pair.ear.until(lambda news: news.subscriptions)
    pair.ear.heard.clear()
    one.cursor = 7
    await pair.a.subscriptions.record(one, [])
    await pair.a.add_token(token(1))
    await pair.ear.until(lambda news: news.tokens)
    quiet = not any(news.subscriptions for news in pair.ear.heard)
    one.health = Health.DISABLED
    await pair.a.subscriptions.record(one, [])
    await pair.ear.until(lambda news: news.subscriptions)

    assert quiet


async def test_seen_devices(pair: Pair) -> None:
    """A server hears which devices were seen by others."""
    seen = device(7, last_seen_at=1, address="::1", period=2, polled_plain=True)
    await pair.a.save_seen([seen], [], keep=1)
    news = await pair.ear.until(lambda news: bool(news.seen))

    assert [Sighting(7, 1, "::1", 2, polled_plain=True)] == news.seen


async def test_own_changes_are_no_news(pair: Pair) -> None:
    """What a server does itself is not told to it."""
    ear = Ear()
    pair.a.follow(ear.hear)
    await pair.a.save_devices([device(7)])
    await enqueue(pair.a, command())
    await pair.b.save_devices([device(8)])
    await ear.until(lambda news: 8 in news.devices)

    assert not any(7 in news.devices for news in ear.heard)
    assert not any(news.waiting for news in ear.heard)


async def test_more_than_fits(pair: Pair) -> None:
    """However much there is to tell, it is told in pieces that PostgreSQL takes."""
    seen = [
        device(2**62 + i, last_seen_at=2**62, address="f" * 45, period=2**62)
        for i in range(1000)
    ]
    await pair.a.save_seen(seen, [], keep=1)
    last = Sighting.of(seen[-1])
    await pair.ear.until(lambda news: last in news.seen)

    assert 1000 == sum(len(news.seen) for news in pair.ear.heard)


async def test_lost_connection(pair: Pair) -> None:
    """After a lost connection everything is looked at, and nothing is believed idle."""
    await cut(pair.b, by=pair.a)
    await pair.ear.until(lambda news: news.everything)
    await enqueue(pair.a, command())
    await pair.ear.until(lambda news: DEVICE in news.waiting)

    assert not pair.b.is_idle(DEVICE, pair.b.now(), GRACE)


async def test_alone_after_all(pair: Pair) -> None:
    """A store's own commands are known to it without anybody's word."""
    await pair.b.close()
    await enqueue(pair.a, command())

    assert not pair.a.is_idle(DEVICE, pair.a.now(), GRACE)
    assert pair.a.is_shared


async def test_new_wishes_are_told(pair: Pair) -> None:
    """What a stream wants at one server is told to all, so that they can read it."""
    wish = Wish(FIRST_SCOPE, EventType.COMMAND_STATUS, since=0, until=1)
    await pair.a.interests.keep_wishes([wish])
    await pair.ear.until(lambda news: news.subscriptions)

    assert [wish] == await pair.b.interests.all_wishes()
