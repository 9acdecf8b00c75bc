"""Operations: their steps in order, their failures, and what is told of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from pushserver.errors import Conflict, IdempotencyMismatch, NotFound, Unavailable
from pushserver.model.operation import OnFailure, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.storage.tracking import DueStep, OperationFilter
from tests.model.values import DEVICE
from tests.model.work import BY
from tests.services.work import ERROR, WorkDesk

ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"
TIMEOUT = 180


async def test_in_order(work: WorkDesk) -> None:
    """The device is given one step after the other, until all are done."""
    of = await work.begin(ONE, TWO, THREE)

    done = []
    for _ in range(3):
        done.append(await work.do())
        await work.go_on()

    assert [ONE, TWO, THREE] == done
    assert (Status.COMPLETED, 3, 3, 100) == await work.stands(of)
    assert ["queued", "sent", "SUCCESSFUL"] * 3 == await work.told(of)


async def test_not_before_success(work: WorkDesk) -> None:
    """The next step is queued when the one before was SUCCESSFUL, and once."""
    of = await work.begin(ONE, TWO)
    before = [await work.go_on()]
    await work.fly()
    before.append(await work.go_on())
    assert await work.poll() is None
    await work.report()

    assert [0, 0] == before
    assert [1, 0] == [await work.go_on(), await work.go_on()]
    assert [State.SUCCESSFUL, State.PENDING] == await work.steps(of)


async def test_the_worker_is_called(work: WorkDesk) -> None:
    """When a step has succeeded and another one follows the worker's bell rings."""
    due = work.services.operations.due
    await work.begin(ONE, TWO)
    await work.fly()
    rings = [due.is_set()]
    await work.report()
    rings.append(due.is_set())
    await work.go_on()
    rings.append(due.is_set())
    await work.do()
    rings.append(due.is_set())

    assert [False, True, False, False] == rings


async def test_each_step_as_it_was_given(work: WorkDesk) -> None:
    """A step's command has what was asked of it, from the time it is queued."""
    of = await work.begin(ONE, ONE, expires_in=50_000_000, priority=7, resource="photo")
    work.clock.tick(40)
    await work.do()
    await work.go_on()
    record = (await work.services.store.operations.step_records(of))[1]
    assert record.command_id is not None
    command = (await work.services.queue.get(FIRST_SCOPE, record.command_id)).command

    assert (work.clock.now() + 50_000_000, 7, "photo", of.id, 1) == (
        command.expires_at,
        command.priority,
        command.resource,
        command.operation_id,
        command.step,
    )


async def failed(work: WorkDesk) -> None:
    """Let the device answer with an error."""
    await work.do(ERROR)


async def expired(work: WorkDesk) -> None:
    """Let nobody come for the command."""
    await work.upkeep(86_400)


async def canceled(work: WorkDesk) -> None:
    """Cancel the command, not the operation."""
    lane = work.services.store.lane(DEVICE)
    assert lane is not None
    await work.services.queue.cancel(FIRST_SCOPE, lane.waiting[0].id)


async def timed_out(work: WorkDesk) -> None:
    """Let the answer never come."""
    await work.fly()
    await work.upkeep(TIMEOUT)


End = Callable[[WorkDesk], Awaitable[None]]
ENDS: Mapping[End, tuple[State, Status]] = {
    failed: (State.FAILED, Status.FAILED),
    expired: (State.EXPIRED, Status.FAILED),
    canceled: (State.CANCELED, Status.FAILED),
    timed_out: (State.TIMEOUT, Status.STALE),
}


@pytest.mark.parametrize("end", ENDS)
async def test_stops(work: WorkDesk, end: End) -> None:
    """A step that does not succeed ends the operation; the others are not queued."""
    state, status = ENDS[end]
    of = await work.begin("reboot", TWO)

    await end(work)

    assert 0 == await work.go_on()
    assert status is (await work.stands(of))[0]
    assert [state, None] == await work.steps(of)


@pytest.mark.parametrize("end", ENDS)
async def test_passes_over(work: WorkDesk, end: End) -> None:
    """With `continue` the next step is done; the operation ends as is known of all."""
    state, status = ENDS[end]
    of = await work.begin("reboot", TWO, on_failure=OnFailure.CONTINUE)

    await end(work)
    running = (await work.stands(of))[0]
    await work.go_on()
    await work.do()

    assert (Status.RUNNING, status) == (running, (await work.stands(of))[0])
    assert [state, State.SUCCESSFUL] == await work.steps(of)


async def test_late_result_of_the_last(work: WorkDesk) -> None:
    """A late result of the last step completes what nobody knew of."""
    of = await work.begin("reboot")
    await work.fly("u1")
    await work.upkeep(TIMEOUT)
    stale = await work.stands(of)

    await work.report(uuid="u1")

    assert (Status.STALE, 1, 1, 50) == stale
    assert (Status.COMPLETED, 1, 1, 100) == await work.stands(of)
    assert "SUCCESSFUL, late" == (await work.told(of))[-1]


async def test_late_result_starts_nothing(work: WorkDesk) -> None:
    """A late result of an earlier step is a failure of the whole: nothing follows."""
    of = await work.begin("reboot", TWO)
    await work.fly("u1")
    await work.upkeep(TIMEOUT)

    await work.report(uuid="u1")

    assert 0 == await work.go_on()
    assert Status.FAILED is (await work.stands(of))[0]
    assert [State.SUCCESSFUL, None] == await work.steps(of)


async def test_held_poll(work: WorkDesk) -> None:
    """A poll that waits is given the first step at once, and the next one too."""
    async with work.held("u1") as held:
        await work.begin(ONE, TWO)
        first = await held
    assert first is not None
    work.services.polling.written(first)
    await work.report(uuid="u1")
    async with work.held("u2") as held:
        await work.go_on()
        second = await held

    assert second is not None
    assert (ONE, TWO) == (first.command.endpoint, second.command.endpoint)


async def test_poll_held_through_the_result(work: WorkDesk) -> None:
    """A poll that came before the result is given the next step, too."""
    await work.begin(ONE, TWO)
    await work.fly("u1")
    async with work.held("u2") as held:
        await work.report(uuid="u1")
        await work.go_on()
        flight = await held

    assert flight is not None
    assert TWO == flight.command.endpoint


async def test_beside_others(work: WorkDesk) -> None:
    """Two operations and a command on one device do not disturb one another."""
    first, second = await work.begin(ONE, TWO), await work.begin(ONE, TWO)
    (alone,) = await work.enqueue("reboot")
    for _ in range(5):
        await work.do()
        await work.go_on()

    assert [(Status.COMPLETED, 2, 2, 100)] * 2 == [
        await work.stands(first),
        await work.stands(second),
    ]
    assert State.SUCCESSFUL is await work.state(alone)


async def test_many_due(work: WorkDesk) -> None:
    """However many are due, all go on, and each once."""
    devices = range(1, 251)
    for device in devices:
        await work.begin(ONE, TWO, device=device)
        await work.do(device=device)

    both = await asyncio.gather(work.go_on(), work.go_on())

    assert 250 == sum(both)
    assert {1} == {len(work.services.store.lane(d).waiting) for d in devices}  # type: ignore[union-attr]


async def test_forgotten_when_due(work: WorkDesk) -> None:
    """An operation that is deleted just before its turn holds up nobody else."""
    gone = await work.begin(ONE, TWO)
    stays = await work.begin(ONE, TWO, device=5)
    for device in (DEVICE, 5):
        await work.do(device=device)
    due = await work.services.store.operations.due_steps(limit=9)
    await work.services.operations.delete(gone)

    assert 1 == await work.services.operations.queue_steps(due)
    assert (Status.RUNNING, 2, 1, 50) == await work.stands(stays)


async def test_canceled_when_due(work: WorkDesk) -> None:
    """Nor does one that is canceled just before its turn go on."""
    of = await work.begin(ONE, TWO)
    await work.do()
    due = await work.services.store.operations.due_steps(limit=9)
    await work.cancel(of)

    assert 0 == await work.services.operations.queue_steps(due)
    assert [State.SUCCESSFUL, None] == await work.steps(of)


async def test_not_its_turn(work: WorkDesk) -> None:
    """A step whose turn has passed is not queued, whoever still believes it is due."""
    of = await work.begin(ONE, TWO, THREE)
    await work.do()
    due = await work.services.store.operations.due_steps(limit=9)
    assert [DueStep(of.id, DEVICE, of.id, 1)] == list(due)
    await work.go_on()
    await work.do()

    assert 0 == await work.services.operations.queue_steps(due)


async def test_store_away(work: WorkDesk) -> None:
    """What could not be written is not begun, and is queued once when it can be."""
    of = await work.begin(ONE, TWO)
    await work.do()
    async with work.store_away():
        with pytest.raises(Unavailable):
            await work.go_on()
        with pytest.raises(Unavailable):
            await work.begin(ONE)

    assert 1 == await work.go_on()
    assert TWO == await work.do()
    assert Status.COMPLETED is (await work.stands(of))[0]
    operations = work.services.store.operations
    assert 1 == await operations.count_operations(FIRST_SCOPE, OperationFilter())


async def test_key(work: WorkDesk) -> None:
    """The same request again begins nothing, and is answered as the first time."""
    await work.adopt(DEVICE)
    first, again = await work.begin_once(ONE), await work.begin_once(ONE)

    assert first.operation is not None
    assert (first.answer, None) == (again.answer, again.operation)
    with pytest.raises(IdempotencyMismatch):
        await work.begin_once(TWO, fingerprint="g")
    operations = work.services.store.operations
    assert 1 == await operations.count_operations(FIRST_SCOPE, OperationFilter())


async def test_key_at_once(work: WorkDesk) -> None:
    """Of ten at the same moment one is begun."""
    await work.adopt(DEVICE)

    begun = await asyncio.gather(*(work.begin_once(ONE) for _ in range(10)))

    assert 1 == len({each.answer for each in begun})
    assert 1 == sum(each.operation is not None for each in begun)


async def test_not_there(work: WorkDesk) -> None:
    """What is not there, or another scope's, is not found."""
    of = await work.begin(ONE)
    operations = work.services.operations

    for scope, operation_id in ((FIRST_SCOPE, 5), (FIRST_SCOPE + 1, of.id)):
        with pytest.raises(NotFound):
            await operations.get(scope, operation_id)
        with pytest.raises(NotFound):
            await operations.cancel(scope, operation_id)


async def test_who_began_it(work: WorkDesk) -> None:
    """What the server tells is by the token that began it."""
    of = await work.begin(ONE)
    (told,) = await work.services.store.operations.notifications(
        FIRST_SCOPE, of.id, after=0, limit=9
    )

    assert (BY, BY) == (of.created_by, told.created_by)


async def test_late_conflicts(work: WorkDesk) -> None:
    """What has ended cannot be canceled."""
    of = await work.begin(ONE)
    await work.do()

    with pytest.raises(Conflict):
        await work.cancel(of)
