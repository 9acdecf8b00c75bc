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
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services.idempotency import IdempotentRequest
from pushserver.storage.history import CommandFilter
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.factories import DAY, DEVICE, TIMEOUT, order
from tests.services.driver import (
    IDEMPOTENCY_KEY,
    ServiceDriver,
    command_requests,
    render_ids,
)


async def count(services: Services) -> int:
    """Return how many commands are stored."""
    return len(
        await services.store.commands(
            DEFAULT_SCOPE_ID, CommandFilter(), before=None, limit=99
        )
    )


async def test_enqueue(driver: ServiceDriver) -> None:
    """A command waits for its device with what the settings and catalogue say."""
    (command,) = await driver.enqueue("load_objects")

    stored = (await driver.command_record(command)).command
    assert (DEVICE, CommandState.PENDING, TIMEOUT, START, START + DAY) == (
        stored.device_id,
        stored.state,
        stored.response_timeout,
        stored.created_at,
        stored.expires_at,
    )
    assert order() == stored.order


async def test_array(driver: ServiceDriver) -> None:
    """Several commands are handed out in the order in which they were given."""
    command = await driver.enqueue("load_objects", "reboot", "system_information")

    handed = []
    for _ in command:
        handed.append((await driver.receive_command("u")).command.endpoint)
        await driver.post_result(uuid="u")

    assert ["load_objects", "reboot", "system_information"] == handed


async def test_array_all_or_nothing(driver: ServiceDriver, services: Services) -> None:
    """When one of them cannot be stored, none is."""
    bad = attrs.evolve(
        command_requests("reboot")[0], order=order("reboot", verb="DELETE")
    )
    await driver.ensure_adopted()
    with pytest.raises(Unavailable):
        await services.queue.enqueue(
            DEFAULT_SCOPE_ID, DEVICE, [*command_requests("reboot"), bad], render_ids
        )

    assert 0 == await count(services)
    assert await driver.poll() is None


async def test_same_key(driver: ServiceDriver, services: Services) -> None:
    """The same request again gets the same answer and enqueues nothing."""
    first = await driver.enqueue_idempotent("reboot", "load_objects")
    await driver.receive_command("u1")

    again = await driver.enqueue_idempotent("reboot", "load_objects")

    assert (first.answer, True, ()) == (again.answer, again.replayed, again.commands)
    assert not first.replayed
    assert 2 == await count(services)


async def test_same_key_other_request(
    driver: ServiceDriver, services: Services
) -> None:
    """Another request with the key is refused."""
    await driver.enqueue_idempotent("reboot")

    with pytest.raises(IdempotencyMismatch):
        await driver.enqueue_idempotent("reboot", fingerprint="other")

    assert 1 == await count(services)


async def test_same_key_at_once(driver: ServiceDriver, services: Services) -> None:
    """Of simultaneous requests with one key one enqueues; all get the same answer."""
    done = await asyncio.gather(
        *(driver.enqueue_idempotent("reboot") for _ in range(5))
    )

    assert 1 == len({one.answer for one in done})
    assert 4 == sum(one.replayed for one in done)
    assert 1 == await count(services)


async def test_other_request_at_once(driver: ServiceDriver, services: Services) -> None:
    """Of two requests that come at once with one key the second is refused."""
    outcomes = await asyncio.gather(
        driver.enqueue_idempotent("reboot"),
        driver.enqueue_idempotent("reboot", fingerprint="other"),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], IdempotencyMismatch)
    assert 1 == await count(services)


async def test_key_is_kept_a_day(driver: ServiceDriver, clock: ManualClock) -> None:
    """A key is good for 24 hours, and then for another request."""
    first = await driver.enqueue_idempotent("reboot")
    clock.tick(86_399)
    assert first.answer == (await driver.enqueue_idempotent("reboot")).answer

    clock.tick(1)
    second = await driver.enqueue_idempotent("reboot", fingerprint="other")

    assert (False, True) == (second.replayed, second.answer != first.answer)
    with pytest.raises(IdempotencyMismatch):
        await driver.enqueue_idempotent("reboot")


async def test_key_of_somebody_else(driver: ServiceDriver, services: Services) -> None:
    """A key is its token's and its path's own."""
    first = await driver.enqueue_idempotent("reboot")
    for other in (
        attrs.evolve(IDEMPOTENCY_KEY, token_id=2),
        attrs.evolve(IDEMPOTENCY_KEY, path="/x"),
    ):
        done = await services.queue.enqueue(
            DEFAULT_SCOPE_ID,
            DEVICE,
            command_requests("reboot"),
            render_ids,
            IdempotentRequest(other, "f"),
        )
        assert not done.replayed
        assert first.answer != done.answer


async def test_key_running(services: Services) -> None:
    """While a key's first request is being answered another one is refused."""
    lock = services.idempotency_keys.lock
    with lock(IDEMPOTENCY_KEY):
        with pytest.raises(IdempotencyRunning), lock(IDEMPOTENCY_KEY):
            pass
        with lock(attrs.evolve(IDEMPOTENCY_KEY, value="other")):
            pass

    with lock(IDEMPOTENCY_KEY):
        pass


async def test_key_after_waiting(driver: ServiceDriver, services: Services) -> None:
    """The answer that was given after waiting is the one that is given again."""
    await driver.enqueue_idempotent("reboot")
    await services.queue.store_answer(
        IdempotentRequest(IDEMPOTENCY_KEY, "f"), DEVICE, b"with its outcome"
    )

    assert b"with its outcome" == (await driver.enqueue_idempotent("reboot")).answer


async def test_key_with_the_store_away(
    driver: ServiceDriver, services: Services
) -> None:
    """A request that could not be stored may be sent again with its key."""
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await driver.enqueue_idempotent("reboot")

    assert not (await driver.enqueue_idempotent("reboot", fingerprint="other")).replayed
    assert 1 == await count(services)


async def test_cancel(driver: ServiceDriver, services: Services) -> None:
    """A command that was never handed out can be canceled, once."""
    (command,) = await driver.enqueue("reboot")

    record = await services.withdrawals.withdraw(DEFAULT_SCOPE_ID, command.id)

    assert (CommandState.CANCELED, START) == (
        record.command.state,
        record.command.finished_at,
    )
    assert await driver.poll() is None
    with pytest.raises(Conflict, match="CANCELED"):
        await services.withdrawals.withdraw(DEFAULT_SCOPE_ID, command.id)


async def test_cancel_too_late(driver: ServiceDriver, services: Services) -> None:
    """A command that is over cannot be taken back."""
    (command,) = await driver.enqueue("load_objects")
    await driver.receive_command("u1")
    await driver.post_result(uuid="u1")

    with pytest.raises(Conflict, match="SUCCESSFUL"):
        await services.withdrawals.withdraw(DEFAULT_SCOPE_ID, command.id)


async def test_unknown(services: Services) -> None:
    """A command that is not there cannot be had, waited for, canceled or retried."""
    for call in (
        services.queue.get(DEFAULT_SCOPE_ID, 1),
        services.queue.wait_until_over(DEFAULT_SCOPE_ID, 1, 0),
        services.withdrawals.withdraw(DEFAULT_SCOPE_ID, 1),
        services.queue.retry(DEFAULT_SCOPE_ID, 1, render_ids),
    ):
        with pytest.raises(NotFound):
            await call


async def test_retry(
    driver: ServiceDriver, services: Services, clock: ManualClock
) -> None:
    """A command that has ended is tried again as a new one like it."""
    (first,) = await driver.enqueue(
        "execute_actions",
        priority=7,
        guarantee=DeliveryGuarantee.AT_LEAST_ONCE,
        max_attempts=2,
        expires_in=60 * SECOND,
        response_timeout=9 * SECOND,
    )
    await driver.expire_overdue(60)
    assert CommandState.EXPIRED is await driver.command_state(first)

    (again,) = (
        await services.queue.retry(DEFAULT_SCOPE_ID, first.id, render_ids)
    ).commands

    stored = (await driver.command_record(again)).command
    same = ("device_id", "priority", "guarantee", "max_attempts", "response_timeout")
    assert [getattr(first, n) for n in same] == [getattr(stored, n) for n in same]
    assert (order("execute_actions"), clock.now() + 60 * SECOND) == (
        stored.order,
        stored.expires_at,
    )
    assert again.id != first.id
    assert CommandState.EXPIRED is await driver.command_state(first)


@pytest.mark.parametrize("stage", ["waits", "flies", "waits again"])
async def test_retry_too_early(
    driver: ServiceDriver, services: Services, stage: str
) -> None:
    """A command that has not ended is not tried again."""
    (command,) = await driver.enqueue("load_objects")
    if stage != "waits":
        await driver.receive_command("u1")
    if stage == "waits again":
        await driver.expire_overdue(180)

    with pytest.raises(Conflict):
        await services.queue.retry(DEFAULT_SCOPE_ID, command.id, render_ids)


@pytest.mark.parametrize("body", [b'{"response":{}}', b'{"error":"no"}'])
async def test_retry_after_an_answer(
    driver: ServiceDriver, services: Services, body: bytes
) -> None:
    """Also what was answered can be asked again."""
    (first,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")
    await driver.post_result(body, "u1")

    (again,) = (
        await services.queue.retry(DEFAULT_SCOPE_ID, first.id, render_ids)
    ).commands

    assert again.id == (await driver.receive_command("u2")).command.id
