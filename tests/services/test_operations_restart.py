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
    async with running_services(database, clock) as operation_driver:
        of = await operation_driver.create_operation(*STEPS)
        for n in range(done):
            await operation_driver.run_command()
            if queued or n + 1 < done:
                await operation_driver.start_next_steps()

    handed_out = []
    async with running_services(database, clock) as operation_driver:
        expected = 0 if queued else 1
        assert (expected, 0) == (
            await operation_driver.start_next_steps(),
            await operation_driver.start_next_steps(),
        )
        for _ in range(done, len(STEPS)):
            handed_out.append(await operation_driver.run_command())
            await operation_driver.start_next_steps()

        assert list(STEPS[done:]) == handed_out
        assert (
            OperationStatus.COMPLETED,
            4,
            4,
            100,
        ) == await operation_driver.operation_progress(of)
        assert [
            "queued",
            "sent",
            "SUCCESSFUL",
        ] * 4 == await operation_driver.notification_words(of)


async def test_stopped_after_every_word(database: str, clock: ManualClock) -> None:
    """A server that stops after each thing it does gets to the same end."""
    async with running_services(database, clock) as operation_driver:
        of = await operation_driver.create_operation(*STEPS)
    for _ in STEPS:
        async with running_services(database, clock) as operation_driver:
            await operation_driver.start_next_steps()
        async with running_services(database, clock) as operation_driver:
            await operation_driver.receive_command("u")
        async with running_services(database, clock) as operation_driver:
            await operation_driver.post_result(uuid="u")

    async with running_services(database, clock) as operation_driver:
        assert (
            OperationStatus.COMPLETED,
            4,
            4,
            100,
        ) == await operation_driver.operation_progress(of)
        assert [CommandState.SUCCESSFUL] * 4 == await operation_driver.step_states(of)


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_after_a_failure(
    database: str, clock: ManualClock, on_failure: OnFailure
) -> None:
    """The effect of a failure survives a restart, too."""
    async with running_services(database, clock) as operation_driver:
        of = await operation_driver.create_operation(*STEPS[:2], on_failure=on_failure)
        await operation_driver.run_command(ERROR)

    async with running_services(database, clock) as operation_driver:
        goes_on = on_failure is OnFailure.CONTINUE
        assert goes_on == await operation_driver.start_next_steps()
        if goes_on:
            await operation_driver.run_command()

        assert (
            OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
        )


async def test_canceled_in_flight(database: str, clock: ManualClock) -> None:
    """An operation that was canceled does not go on after a restart."""
    async with running_services(database, clock) as operation_driver:
        of = await operation_driver.create_operation(*STEPS)
        await operation_driver.receive_command("u1")
        await operation_driver.cancel_operation(of)

    async with running_services(database, clock) as operation_driver:
        await operation_driver.post_result(uuid="u1")

        assert 0 == await operation_driver.start_next_steps()
        assert (
            OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
        )


async def test_key(database: str, clock: ManualClock) -> None:
    """An idempotency key is known after a restart."""
    async with running_services(database, clock) as operation_driver:
        await operation_driver.adopt(1)
        first = await operation_driver.create_idempotent(*STEPS)

    async with running_services(database, clock) as operation_driver:
        assert first.answer == (await operation_driver.create_idempotent(*STEPS)).answer
