"""Two servers over one database: each notifies the other of its changes."""

import pytest

from pushserver.model.change_notice import DeviceSeen
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import SubscriptionHealth
from pushserver.storage.subscriptions import StreamInterest
from tests.model.factories import DEVICE, GRACE, command, result
from tests.storage.cluster import ServerPair, cut_listener
from tests.storage.notice_recorder import record_notices
from tests.storage.queue_actions import (
    add_results,
    enqueue_commands,
    poll_command,
    post_result,
)
from tests.storage.subscriptions import subscription
from tests.storage.test_devices import device, token

pytestmark = pytest.mark.only_on("postgres")


async def test_command_for_a_poll_elsewhere(pair: ServerPair) -> None:
    """A command that one server takes is handed out by another."""
    idle = pair.b.is_idle(DEVICE, pair.b.clock.clock.now(), GRACE)
    one = command()
    await enqueue_commands(pair.a, one)
    await pair.notices.wait_for(lambda notice: DEVICE in notice.waiting)

    assert idle
    assert not pair.b.is_idle(DEVICE, pair.b.clock.clock.now(), GRACE)
    assert one.id == (await poll_command(pair.b)).command.id


async def test_missed_notice(pair: ServerPair) -> None:
    """Others find a command even if its server dies before it notifies them."""
    await pair.a.member.leave()
    now = pair.a.clock.clock.now()
    one = command(id=pair.a.new_id(), created_at=now, expires_at=now + 10**9)
    pair.a.event_interest[DEFAULT_SCOPE_ID] = pair.b.event_interest.get(
        DEFAULT_SCOPE_ID, frozenset()
    )
    await enqueue_commands(pair.a, one)
    await add_results(pair.a, result(id=pair.a.new_id()))
    notice = await pair.notices.wait_for(lambda notice: bool(notice.waiting))
    came = await pair.notices.wait_for(lambda notice: bool(notice.results))

    assert {DEVICE} == notice.waiting
    assert {DEFAULT_SCOPE_ID} == came.results


async def test_ends_elsewhere(pair: ServerPair) -> None:
    """
    A caller that waits for a command's end, or for results, is notified by other
    servers.
    """
    one = command()
    await enqueue_commands(pair.a, one)
    in_flight = await poll_command(pair.a)
    await post_result(pair.a, in_flight)
    notice = await pair.notices.wait_for(lambda notice: one.id in notice.over)

    assert {DEFAULT_SCOPE_ID} == notice.results


async def test_what_people_change(pair: ServerPair) -> None:
    """Changes of devices, tokens and subscriptions are notified to all servers."""
    await pair.a.save_devices([device()])
    changed = await pair.notices.wait_for(lambda notice: bool(notice.devices))
    await pair.a.add_token(token(1))
    await pair.notices.wait_for(lambda notice: notice.tokens)
    one = subscription()
    await pair.a.subscriptions.add_subscription(one)
    await pair.notices.wait_for(lambda notice: notice.subscriptions)
    pair.notices.notices.clear()
    one.description = "changed"
    await pair.a.subscriptions.update_subscription(one, ("description",))
    await pair.notices.wait_for(lambda notice: notice.subscriptions)

    assert {DEVICE} == changed.devices


async def test_how_subscriptions_do_is_not_told(pair: ServerPair) -> None:
    """Of a subscription's health, others learn only whether it is at work."""
    one = subscription()
    await pair.a.subscriptions.add_subscription(one)
    await pair.notices.wait_for(lambda notice: notice.subscriptions)
    pair.notices.notices.clear()
    one.cursor = 7
    await pair.a.subscriptions.record_deliveries(one, [])
    await pair.a.add_token(token(1))
    await pair.notices.wait_for(lambda notice: notice.tokens)
    quiet = not any(notice.subscriptions for notice in pair.notices.notices)
    one.health = SubscriptionHealth.DISABLED
    await pair.a.subscriptions.record_deliveries(one, [])
    await pair.notices.wait_for(lambda notice: notice.subscriptions)

    assert quiet


async def test_seen_devices(pair: ServerPair) -> None:
    """A server is notified of the devices that others saw."""
    seen = device(
        7, last_seen_at=1, address="::1", poll_period=2, polled_without_key=True
    )
    await pair.a.save_last_seen([seen], [], keep=1)
    notice = await pair.notices.wait_for(lambda notice: bool(notice.seen))

    assert [DeviceSeen(7, 1, "::1", 2, polled_without_key=True)] == notice.seen


async def test_own_changes_no_notice(pair: ServerPair) -> None:
    """A server sees its own commit once, and not from the database again."""
    recorder = record_notices(pair.a)
    await pair.a.save_devices([device(7)])
    await enqueue_commands(pair.a, command())
    await pair.b.save_devices([device(8)])
    await recorder.wait_for(lambda notice: 8 in notice.devices)

    assert not any(7 in notice.devices for notice in recorder.notices)
    assert 1 == sum(DEVICE in notice.waiting for notice in recorder.notices)


async def test_more_than_fits(pair: ServerPair) -> None:
    """A large notice is split into pieces that PostgreSQL accepts."""
    seen = [
        device(2**62 + i, last_seen_at=2**62, address="f" * 45, poll_period=2**62)
        for i in range(1000)
    ]
    await pair.a.save_last_seen(seen, [], keep=1)
    last = DeviceSeen.from_device(seen[-1])
    await pair.notices.wait_for(lambda notice: last in notice.seen)

    assert 1000 == sum(len(notice.seen) for notice in pair.notices.notices)


async def test_lost_connection(pair: ServerPair) -> None:
    """After a lost connection everything is looked at, and nothing is believed idle."""
    await cut_listener(pair.b, via=pair.a)
    await pair.notices.wait_for(lambda notice: notice.everything)
    await enqueue_commands(pair.a, command())
    await pair.notices.wait_for(lambda notice: DEVICE in notice.waiting)

    assert not pair.b.is_idle(DEVICE, pair.b.clock.clock.now(), GRACE)


async def test_alone_after_all(pair: ServerPair) -> None:
    """A store's own commands are known to it without anybody's word."""
    await pair.b.close()
    await enqueue_commands(pair.a, command())

    assert not pair.a.is_idle(DEVICE, pair.a.clock.clock.now(), GRACE)
    assert pair.a.is_shared


async def test_new_interest_is_noticed(pair: ServerPair) -> None:
    """
    A stream's interest at one server is notified to all, so that they can read it.
    """
    interest = StreamInterest(
        DEFAULT_SCOPE_ID, EventType.COMMAND_STATUS, recorded_since=0, expires_at=1
    )
    await pair.a.stream_interests.save_interests([interest])
    await pair.notices.wait_for(lambda notice: notice.subscriptions)

    assert [interest] == await pair.b.stream_interests.all_interests()
