"""Operations through a stop or a crash between any two steps."""

import pytest

from pushserver.model.operation import OnFailure, Status
from pushserver.model.state import State
from tests.clock import ManualClock
from tests.services.work import ERROR, at_work

STEPS = ("load_objects", "user_set_image", "user_get_image", "reboot")


@pytest.mark.parametrize("queued", [False, True])
@pytest.mark.parametrize("done", range(1, len(STEPS)))
async def test_between_two_steps(
    database: str, clock: ManualClock, done: int, queued: bool
) -> None:
    """The next step is queued exactly once, whether it was before the stop or not."""
    async with at_work(database, clock) as work:
        of = await work.begin(*STEPS)
        for n in range(done):
            await work.do()
            if queued or n + 1 < done:
                await work.go_on()

    given = []
    async with at_work(database, clock) as work:
        expected = 0 if queued else 1
        assert (expected, 0) == (await work.go_on(), await work.go_on())
        for _ in range(done, len(STEPS)):
            given.append(await work.do())
            await work.go_on()

        assert list(STEPS[done:]) == given
        assert (Status.COMPLETED, 4, 4, 100) == await work.stands(of)
        assert ["queued", "sent", "SUCCESSFUL"] * 4 == await work.told(of)


async def test_stopped_after_every_word(database: str, clock: ManualClock) -> None:
    """A server that stops after each thing it does gets to the same end."""
    async with at_work(database, clock) as work:
        of = await work.begin(*STEPS)
    for _ in STEPS:
        async with at_work(database, clock) as work:
            await work.go_on()
        async with at_work(database, clock) as work:
            await work.fly("u")
        async with at_work(database, clock) as work:
            await work.report(uuid="u")

    async with at_work(database, clock) as work:
        assert (Status.COMPLETED, 4, 4, 100) == await work.stands(of)
        assert [State.SUCCESSFUL] * 4 == await work.steps(of)


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_after_a_failure(
    database: str, clock: ManualClock, on_failure: OnFailure
) -> None:
    """What a failure means is not forgotten either."""
    async with at_work(database, clock) as work:
        of = await work.begin(*STEPS[:2], on_failure=on_failure)
        await work.do(ERROR)

    async with at_work(database, clock) as work:
        goes_on = on_failure is OnFailure.CONTINUE
        assert goes_on == await work.go_on()
        if goes_on:
            await work.do()

        assert Status.FAILED is (await work.stands(of))[0]


async def test_canceled_in_flight(database: str, clock: ManualClock) -> None:
    """An operation that was canceled does not go on after a restart."""
    async with at_work(database, clock) as work:
        of = await work.begin(*STEPS)
        await work.fly("u1")
        await work.cancel(of)

    async with at_work(database, clock) as work:
        await work.report(uuid="u1")

        assert 0 == await work.go_on()
        assert Status.FAILED is (await work.stands(of))[0]


async def test_key(database: str, clock: ManualClock) -> None:
    """An idempotency key is known after a restart."""
    async with at_work(database, clock) as work:
        await work.adopt(1)
        first = await work.begin_once(*STEPS)

    async with at_work(database, clock) as work:
        assert first.answer == (await work.begin_once(*STEPS)).answer
