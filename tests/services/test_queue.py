"""Commands as programs see them."""

import asyncio

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import (
    Conflict,
    IdempotencyMismatch,
    IdempotencyRunning,
    NotFound,
    Unavailable,
)
from pushserver.model.catalogue import Delivery
from pushserver.model.command import Command
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.services.queue import Once
from pushserver.storage.listing import CommandFilter
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.values import DAY, DEVICE, TIMEOUT, order
from tests.services.desk import KEY, Desk, drafts, render


async def count(services: Services) -> int:
    """Return how many commands are kept."""
    return len(
        await services.store.commands(
            FIRST_SCOPE, CommandFilter(), before=None, limit=99
        )
    )


async def test_enqueue(desk: Desk) -> None:
    """A command waits for its device with what the settings and catalogue say."""
    (wanted,) = await desk.enqueue("load_objects")

    kept = (await desk.record(wanted)).command
    assert (DEVICE, State.PENDING, TIMEOUT, START, START + DAY) == (
        kept.device_id,
        kept.state,
        kept.response_timeout,
        kept.created_at,
        kept.expires_at,
    )
    assert order() == kept.order


async def test_array(desk: Desk) -> None:
    """Several commands are handed out in the order in which they were given."""
    wanted = await desk.enqueue("load_objects", "reboot", "system_information")

    handed = []
    for _ in wanted:
        handed.append((await desk.fly("u")).command.endpoint)
        await desk.report(uuid="u")

    assert ["load_objects", "reboot", "system_information"] == handed


async def test_array_all_or_nothing(desk: Desk, services: Services) -> None:
    """When one of them cannot be kept none is."""
    bad = attrs.evolve(drafts("reboot")[0], order=order("reboot", verb="DELETE"))
    with pytest.raises(Unavailable):
        await services.queue.enqueue(
            FIRST_SCOPE, DEVICE, [*drafts("reboot"), bad], render
        )

    assert 0 == await count(services)
    assert await desk.poll() is None


async def test_same_key(desk: Desk, services: Services) -> None:
    """The same request again gets the same answer and enqueues nothing."""
    first = await desk.order_once("reboot", "load_objects")
    await desk.fly("u1")

    again = await desk.order_once("reboot", "load_objects")

    assert (first.answer, True, ()) == (again.answer, again.replayed, again.commands)
    assert not first.replayed
    assert 2 == await count(services)


async def test_same_key_other_request(desk: Desk, services: Services) -> None:
    """Another request with the key is refused."""
    await desk.order_once("reboot")

    with pytest.raises(IdempotencyMismatch):
        await desk.order_once("reboot", fingerprint="other")

    assert 1 == await count(services)


async def test_same_key_at_once(desk: Desk, services: Services) -> None:
    """Of requests that come at once with one key one enqueues; all hear the same."""
    done = await asyncio.gather(*(desk.order_once("reboot") for _ in range(5)))

    assert 1 == len({one.answer for one in done})
    assert 4 == sum(one.replayed for one in done)
    assert 1 == await count(services)


async def test_other_request_at_once(desk: Desk, services: Services) -> None:
    """Of two requests that come at once with one key the second is refused."""
    said = await asyncio.gather(
        desk.order_once("reboot"),
        desk.order_once("reboot", fingerprint="other"),
        return_exceptions=True,
    )

    assert isinstance(said[1], IdempotencyMismatch)
    assert 1 == await count(services)


async def test_key_is_kept_a_day(desk: Desk, clock: ManualClock) -> None:
    """A key is good for 24 hours, and then for another request."""
    first = await desk.order_once("reboot")
    clock.tick(86_399)
    assert first.answer == (await desk.order_once("reboot")).answer

    clock.tick(1)
    second = await desk.order_once("reboot", fingerprint="other")

    assert (False, True) == (second.replayed, second.answer != first.answer)
    with pytest.raises(IdempotencyMismatch):
        await desk.order_once("reboot")


async def test_key_of_somebody_else(desk: Desk, services: Services) -> None:
    """A key is its token's and its path's own."""
    first = await desk.order_once("reboot")
    for other in (attrs.evolve(KEY, token_id=2), attrs.evolve(KEY, path="/x")):
        done = await services.queue.enqueue(
            FIRST_SCOPE, DEVICE, drafts("reboot"), render, Once(other, "f")
        )
        assert not done.replayed
        assert first.answer != done.answer


async def test_key_running(services: Services) -> None:
    """While a key's first request is being answered another one is refused."""
    request = Once(KEY, "f")
    with services.queue.once(request):
        with pytest.raises(IdempotencyRunning), services.queue.once(request):
            pass
        with services.queue.once(Once(attrs.evolve(KEY, value="other"), "f")):
            pass
        with services.queue.once(None), services.queue.once(None):
            pass

    with services.queue.once(request):
        pass


async def test_key_after_waiting(desk: Desk, services: Services) -> None:
    """The answer that was given after waiting is the one that is given again."""
    await desk.order_once("reboot")
    await services.queue.remember(Once(KEY, "f"), DEVICE, b"with its outcome")

    assert b"with its outcome" == (await desk.order_once("reboot")).answer


async def test_key_with_the_store_away(desk: Desk, services: Services) -> None:
    """A request that could not be kept may come again with its key."""
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await desk.order_once("reboot")

    assert not (await desk.order_once("reboot", fingerprint="other")).replayed
    assert 1 == await count(services)


async def test_cancel(desk: Desk, services: Services) -> None:
    """A command that was never handed out can be canceled, once."""
    (wanted,) = await desk.enqueue("reboot")

    record = await services.queue.cancel(FIRST_SCOPE, wanted.id)

    assert (State.CANCELED, START) == (
        record.command.state,
        record.command.finished_at,
    )
    assert await desk.poll() is None
    with pytest.raises(Conflict, match="CANCELED"):
        await services.queue.cancel(FIRST_SCOPE, wanted.id)


async def test_cancel_too_late(desk: Desk, services: Services) -> None:
    """A command that was handed out cannot be canceled, now or later."""
    (wanted,) = await desk.enqueue("load_objects")
    await desk.fly("u1")
    with pytest.raises(Conflict, match="SENT"):
        await services.queue.cancel(FIRST_SCOPE, wanted.id)

    await desk.upkeep(180)
    assert State.PENDING is await desk.state(wanted)
    with pytest.raises(Conflict, match="handed out"):
        await services.queue.cancel(FIRST_SCOPE, wanted.id)

    await desk.fly("u2")
    await desk.report(uuid="u2")
    with pytest.raises(Conflict, match="SUCCESSFUL"):
        await services.queue.cancel(FIRST_SCOPE, wanted.id)


async def test_unknown(services: Services) -> None:
    """A command that is not there cannot be had, waited for, canceled or retried."""
    for work in (
        services.queue.get(FIRST_SCOPE, 1),
        services.queue.wait(FIRST_SCOPE, 1, 0),
        services.queue.cancel(FIRST_SCOPE, 1),
        services.queue.retry(FIRST_SCOPE, 1, render),
    ):
        with pytest.raises(NotFound):
            await work


async def test_retry(desk: Desk, services: Services, clock: ManualClock) -> None:
    """A command that has ended is tried again as a new one like it."""
    (first,) = await desk.enqueue(
        "execute_actions",
        priority=7,
        delivery=Delivery.AT_LEAST_ONCE,
        max_attempts=2,
        expires_in=60 * SECOND,
        response_timeout=9 * SECOND,
    )
    await desk.upkeep(60)
    assert State.EXPIRED is await desk.state(first)

    (again,) = (await services.queue.retry(FIRST_SCOPE, first.id, render)).commands

    kept = (await desk.record(again)).command
    same = ("device_id", "priority", "delivery", "max_attempts", "response_timeout")
    assert [getattr(first, n) for n in same] == [getattr(kept, n) for n in same]
    assert (order("execute_actions"), clock.now() + 60 * SECOND) == (
        kept.order,
        kept.expires_at,
    )
    assert again.id != first.id
    assert State.EXPIRED is await desk.state(first)


@pytest.mark.parametrize("stage", ["waits", "flies", "waits again"])
async def test_retry_too_early(desk: Desk, services: Services, stage: str) -> None:
    """A command that has not ended is not tried again."""
    (wanted,) = await desk.enqueue("load_objects")
    if stage != "waits":
        await desk.fly("u1")
    if stage == "waits again":
        await desk.upkeep(180)

    with pytest.raises(Conflict):
        await services.queue.retry(FIRST_SCOPE, wanted.id, render)


@pytest.mark.parametrize("body", [b'{"response":{}}', b'{"error":"no"}'])
async def test_retry_after_an_answer(
    desk: Desk, services: Services, body: bytes
) -> None:
    """Also what was answered can be asked again."""
    (first,) = await desk.enqueue("reboot")
    await desk.fly("u1")
    await desk.report(body, "u1")

    (again,) = (await services.queue.retry(FIRST_SCOPE, first.id, render)).commands

    assert again.id == (await desk.fly("u2")).command.id


async def waiting(desk: Desk, wanted: Command) -> "asyncio.Task[State]":
    """Begin to wait for a command's outcome."""

    async def outcome() -> State:
        async with asyncio.timeout(5):
            record = await desk.services.queue.wait(FIRST_SCOPE, wanted.id, 20)
        return record.command.state

    task = asyncio.create_task(outcome())
    await desk.rest()
    return task


async def test_wait_for_an_answer(desk: Desk) -> None:
    """Who waits for a command hears of its outcome at once."""
    (wanted,) = await desk.enqueue("reboot")
    task = await waiting(desk, wanted)
    await desk.fly("u1")
    await desk.rest()
    assert not task.done()

    await desk.report(uuid="u1")

    assert State.SUCCESSFUL is await task


@pytest.mark.parametrize("end", ["cancel", "expire", "time out"])
async def test_wait_for_another_end(desk: Desk, services: Services, end: str) -> None:
    """Every end is an outcome."""
    (wanted,) = await desk.enqueue("execute_actions")
    task = await waiting(desk, wanted)
    if end == "cancel":
        await services.queue.cancel(FIRST_SCOPE, wanted.id)
    elif end == "expire":
        await desk.upkeep(30)
    else:
        await desk.fly("u1")
        await desk.upkeep(180)

    expected = {"cancel": State.CANCELED, "expire": State.EXPIRED}
    assert expected.get(end, State.TIMEOUT) is await task


async def test_wait_for_what_has_ended(desk: Desk, services: Services) -> None:
    """For what has ended nobody waits."""
    (wanted,) = await desk.enqueue("reboot")
    await services.queue.cancel(FIRST_SCOPE, wanted.id)

    assert State.CANCELED is await (await waiting(desk, wanted))


async def test_wait_for_nothing(desk: Desk, services: Services) -> None:
    """After the time the command is told as it stands."""
    (wanted,) = await desk.enqueue("reboot")

    for seconds in (0, 0.01):
        record = await services.queue.wait(FIRST_SCOPE, wanted.id, seconds)
        assert State.PENDING is record.command.state


async def test_wait_until_the_server_stops(desk: Desk, services: Services) -> None:
    """A server that stops keeps nobody waiting."""
    (wanted,) = await desk.enqueue("reboot")
    task = await waiting(desk, wanted)

    services.outcomes.close()

    assert State.PENDING is await task
    assert State.PENDING is await (await waiting(desk, wanted))


async def test_wait_for_results(desk: Desk, services: Services) -> None:
    """Who waits for any result hears of the next one, an orphan too."""
    with services.outcomes.of_results(FIRST_SCOPE) as bell:
        await desk.enqueue("reboot")
        assert not bell.is_set()

        await desk.report()

        assert bell.is_set()
