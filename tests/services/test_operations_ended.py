"""Operations that somebody ends, tells of or deletes, and devices that go."""

import pytest

from pushserver.errors import Conflict, NotFound
from pushserver.model.operation import OnFailure, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from tests.model.values import DEVICE
from tests.model.work import BY
from tests.services.work import WorkDesk

ONE, TWO = "load_objects", "user_set_image"
OTHER = 8


async def test_canceled_while_waiting(work: WorkDesk) -> None:
    """A step that waits is canceled, and nothing more is queued."""
    of = await work.begin(ONE, TWO)

    canceled = await work.cancel(of)

    assert (Status.FAILED, True) == (canceled.status, canceled.canceled)
    assert 0 == await work.go_on()
    assert [State.CANCELED, None] == await work.steps(of)
    assert await work.poll() is None


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_canceled_in_flight(work: WorkDesk, on_failure: OnFailure) -> None:
    """A step in flight runs to its end; then the operation ends."""
    of = await work.begin(ONE, TWO, on_failure=on_failure)
    await work.fly()

    canceled = [(await work.cancel(of)).status, (await work.cancel(of)).status]
    await work.report()

    assert [Status.RUNNING] * 2 == canceled
    assert 0 == await work.go_on()
    assert Status.FAILED is (await work.stands(of))[0]
    assert [State.SUCCESSFUL, None] == await work.steps(of)


async def test_canceled_between_two_steps(work: WorkDesk) -> None:
    """Between two steps it ends at once; the reason is told."""
    of = await work.begin(ONE, TWO)
    await work.do()

    await work.cancel(of)

    assert 0 == await work.go_on()
    assert "Canceled." == (await work.told(of))[-1]
    assert [State.SUCCESSFUL, None] == await work.steps(of)


async def test_told(work: WorkDesk) -> None:
    """Whoever works outside the queue adds what he knows, in his own name."""
    of = await work.begin()
    work.clock.tick(5)

    told = await work.tell(of, 30, message="half", resource="photo", sent_at=17)

    assert (Status.RUNNING, 0, 0, 30) == await work.stands(of)
    assert told == await work.services.store.operations.find_notification(
        FIRST_SCOPE, of.id, told.id
    )
    assert (BY + 1, work.clock.now(), 17, "photo", "half", 30) == (
        told.created_by,
        told.created_at,
        told.sent_at,
        told.resource,
        told.message,
        told.progress,
    )


async def test_told_now(work: WorkDesk) -> None:
    """What does not say when it was sent was sent now."""
    of = await work.begin()

    assert work.clock.now() == (await work.tell(of, 1)).sent_at


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
async def test_closed(work: WorkDesk, status: Status) -> None:
    """COMPLETED and FAILED close what has no steps; then nothing more is taken."""
    of = await work.begin()
    await work.tell(of, 100, status=status)

    assert status is (await work.stands(of))[0]
    with pytest.raises(Conflict):
        await work.tell(of, 100)
    with pytest.raises(Conflict):
        await work.cancel(of)


async def test_told_it_is_stale(work: WorkDesk) -> None:
    """What is told to be STALE may still be told the end of."""
    of = await work.begin()
    await work.tell(of, 10, status=Status.STALE)
    await work.tell(of, 100, status=Status.COMPLETED)

    assert (Status.COMPLETED, 0, 0, 100) == await work.stands(of)


async def test_steps_are_not_closed(work: WorkDesk) -> None:
    """What has steps ends by its steps alone, whatever is told."""
    of = await work.begin(ONE)
    await work.tell(of, 100, status=Status.COMPLETED)
    told = await work.stands(of)
    await work.do()

    assert (Status.RUNNING, 1, 0, 0) == told
    assert (Status.COMPLETED, 1, 1, 100) == await work.stands(of)


async def test_told_by_strangers(work: WorkDesk) -> None:
    """Another scope has no such operation."""
    of = await work.begin()
    of.scope_id = OTHER

    with pytest.raises(NotFound):
        await work.tell(of, 1)


async def test_deleted(work: WorkDesk) -> None:
    """A deleted operation is forgotten; its command goes on alone, its result stays."""
    of = await work.begin(ONE, TWO)
    flight = await work.fly()

    await work.services.operations.delete(of)
    await work.report()

    with pytest.raises(NotFound):
        await work.stands(of)
    assert 0 == await work.go_on()
    assert [] == await work.told(of)
    record = await work.record(flight.command)
    assert (State.SUCCESSFUL, True) == (
        record.command.state,
        record.result is not None,
    )


async def test_deleted_while_waiting(work: WorkDesk) -> None:
    """What waits of a deleted operation is canceled."""
    of = await work.begin(ONE)

    await work.services.operations.delete(of)

    assert await work.poll() is None


async def test_deleted_with_much_to_tell(work: WorkDesk) -> None:
    """However much was told of it, all of it goes; deleting twice does no harm."""
    of = await work.begin()
    for n in range(2050):
        await work.tell(of, n % 100)

    await work.services.operations.delete(of)
    await work.services.operations.delete(of)

    assert [] == await work.told(of)


async def test_late_result_of_a_deleted_one(work: WorkDesk) -> None:
    """A late result for a deleted operation ends its command, and nothing else."""
    of = await work.begin("reboot")
    flight = await work.fly("u1")
    await work.upkeep(180)
    await work.services.operations.delete(of)

    await work.report(uuid="u1")

    assert State.SUCCESSFUL is await work.state(flight.command)


async def test_one_notification_deleted(work: WorkDesk) -> None:
    """One notification is deleted, once."""
    of = await work.begin()
    first, second = await work.tell(of, 1), await work.tell(of, 2)
    remove = work.services.notifications.remove

    assert not await remove(OTHER, of.id, first.id)
    assert await remove(FIRST_SCOPE, of.id, first.id)
    assert not await remove(FIRST_SCOPE, of.id, first.id)
    left = await work.services.store.operations.notifications(
        FIRST_SCOPE, of.id, after=0, limit=9
    )
    assert [second] == left


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_device_deleted(work: WorkDesk, on_failure: OnFailure) -> None:
    """With its device an operation ends, whatever it would do after failures."""
    of = await work.begin(ONE, TWO, on_failure=on_failure)

    await work.services.fleet.delete(FIRST_SCOPE, DEVICE)
    await work.go_on()

    assert Status.FAILED is (await work.stands(of))[0]
    assert [State.CANCELED, None] == await work.steps(of)


async def test_device_deleted_between_two_steps(work: WorkDesk) -> None:
    """No step is queued for a device that is gone."""
    of = await work.begin(ONE, TWO)
    await work.do()

    await work.services.fleet.delete(FIRST_SCOPE, DEVICE)
    await work.go_on()

    assert Status.FAILED is (await work.stands(of))[0]
    assert "The device is gone." == (await work.told(of))[-1]
    assert await work.poll() is None


async def test_device_of_another_scope(work: WorkDesk) -> None:
    """Nor for one that another scope has adopted since."""
    of = await work.begin(ONE, TWO)
    await work.do()
    await work.services.fleet.delete(FIRST_SCOPE, DEVICE)
    await work.services.fleet.adopt(OTHER, DEVICE)

    await work.go_on()

    assert Status.FAILED is (await work.stands(of))[0]
    assert await work.poll() is None
