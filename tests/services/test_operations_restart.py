"""Operations through a stop or a crash between any two steps."""

import pytest

from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.state import CommandState
from tests.clock import ManualClock
from tests.services.operation_driver import ERROR, running_services

STEPS = ("load_objects", "user_set_image", "user_get_image", "reboot")


@pytest.mark.parametrize("queued", [False, True])
@pytest.mark.parametrize("done", range(1, len(STEPS)))
async def test_between_two_steps(
    database: str, clock: ManualClock, done: int, queued: bool
) -> None:
    """The next step is queued exactly once, whether it was before the stop or not."""
    async with running_services(database, clock) as work:
        of = await work.create_operation(*STEPS)
        for n in range(done):
            await work.run_command()
            if queued or n + 1 < done:
                await work.start_next_steps()

    given = []
    async with running_services(database, clock) as work:
        expected = 0 if queued else 1
        assert (expected, 0) == (
            await work.start_next_steps(),
            await work.start_next_steps(),
        )
        for _ in range(done, len(STEPS)):
            given.append(await work.run_command())
            await work.start_next_steps()

        assert list(STEPS[done:]) == given
        assert (OperationStatus.COMPLETED, 4, 4, 100) == await work.operation_progress(
            of
        )
        assert ["queued", "sent", "SUCCESSFUL"] * 4 == await work.notification_words(of)


async def test_stopped_after_every_word(database: str, clock: ManualClock) -> None:
    """A server that stops after each thing it does gets to the same end."""
    async with running_services(database, clock) as work:
        of = await work.create_operation(*STEPS)
    for _ in STEPS:
        async with running_services(database, clock) as work:
            await work.start_next_steps()
        async with running_services(database, clock) as work:
            await work.receive_command("u")
        async with running_services(database, clock) as work:
            await work.post_result(uuid="u")

    async with running_services(database, clock) as work:
        assert (OperationStatus.COMPLETED, 4, 4, 100) == await work.operation_progress(
            of
        )
        assert [CommandState.SUCCESSFUL] * 4 == await work.step_states(of)


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_after_a_failure(
    database: str, clock: ManualClock, on_failure: OnFailure
) -> None:
    """What a failure means is not forgotten either."""
    async with running_services(database, clock) as work:
        of = await work.create_operation(*STEPS[:2], on_failure=on_failure)
        await work.run_command(ERROR)

    async with running_services(database, clock) as work:
        goes_on = on_failure is OnFailure.CONTINUE
        assert goes_on == await work.start_next_steps()
        if goes_on:
            await work.run_command()

        assert OperationStatus.FAILED is (await work.operation_progress(of))[0]


async def test_canceled_in_flight(database: str, clock: ManualClock) -> None:
    """An operation that was canceled does not go on after a restart."""
    async with running_services(database, clock) as work:
        of = await work.create_operation(*STEPS)
        await work.receive_command("u1")
        await work.cancel_operation(of)

    async with running_services(database, clock) as work:
        await work.post_result(uuid="u1")

        assert 0 == await work.start_next_steps()
        assert OperationStatus.FAILED is (await work.operation_progress(of))[0]


async def test_key(database: str, clock: ManualClock) -> None:
    """An idempotency key is known after a restart."""
    async with running_services(database, clock) as work:
        await work.adopt(1)
        first = await work.create_idempotent(*STEPS)

    async with running_services(database, clock) as work:
        assert first.answer == (await work.create_idempotent(*STEPS)).answer
