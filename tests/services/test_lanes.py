"""Every change of a lane offers what it makes ready to the device's held poll."""

import asyncio

import pytest

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import EventType
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services.polling import PollAnswer
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.model.events import command_payloads
from tests.services.driver import ServiceDriver
from tests.services.operation_driver import OperationDriver, running_services
from tests.storage.notice_recorder import record_notices

PENDING, SENT = CommandState.PENDING, CommandState.SENT
DELIVERED = CommandState.DELIVERED
SUCCESSFUL, TIMEOUT = CommandState.SUCCESSFUL, CommandState.TIMEOUT


def record_commits(services: Services) -> list[ChangeNotice]:
    """Return a list that gets a notice of every commit in which commands move."""
    services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
    return record_notices(services.store).notices


def moves(commits: list[ChangeNotice]) -> list[list[tuple[int, CommandState]]]:
    """Return, commit by commit, which commands came to which states."""
    return [
        [(each.command_id, each.state) for each in command_payloads(commit.new_events)]
        for commit in commits
    ]


async def test_result_and_next(driver: ServiceDriver) -> None:
    """A result on another connection and the next hand-out share a commit."""
    first, second = await driver.enqueue("reboot", "load_objects")
    await driver.receive_command("u1")
    async with driver.held_poll("u2") as poll:
        commits = record_commits(driver.services)
        await driver.post_result(uuid="u1")
        answer = await poll

    assert answer is not None
    assert second.id == answer.command.id
    first_moves = [(first.id, DELIVERED), (first.id, SUCCESSFUL)]
    assert [[*first_moves, (second.id, SENT)]] == moves(commits)
    assert not commits[0].waiting


async def test_next_step(operation_driver: OperationDriver) -> None:
    """The next step of an operation and its hand-out share a commit."""
    driver = operation_driver
    await operation_driver.create_operation("reboot", "load_objects")
    first = await driver.receive_command("u1")
    async with driver.held_poll("u2") as poll:
        await driver.post_result(uuid="u1")
        commits = record_commits(driver.services)
        await operation_driver.start_next_steps()
        answer = await poll

    assert answer is not None
    assert first.command.id != answer.command.id
    step = answer.command.id
    assert [[(step, PENDING), (step, SENT)]] == moves(commits)


async def test_given_up_and_next(driver: ServiceDriver) -> None:
    """What is due by the clock, and the hand-out that it allows, share a commit."""
    first, second = await driver.enqueue(
        "execute_actions",
        "load_objects",
        guarantee=DeliveryGuarantee.AT_MOST_ONCE,
        response_timeout=3_000_000,
    )
    await driver.receive_command("u1")
    async with driver.held_poll("u2") as poll:
        commits = record_commits(driver.services)
        await driver.expire_overdue(4)
        answer = await poll

    assert answer is not None
    assert second.id == answer.command.id
    first_moves = [(first.id, DELIVERED), (first.id, TIMEOUT)]
    assert [[*first_moves, (second.id, SENT)]] == moves(commits)


async def test_canceled_is_not_handed_out(driver: ServiceDriver) -> None:
    """Whatever is decided in the same moment, each command is handed out once."""
    _, second, third = await driver.enqueue("reboot", "load_objects", "set_time")
    await driver.receive_command("u1")
    async with driver.held_poll("u2") as poll:
        commits = record_commits(driver.services)
        await driver.services.withdrawals.withdraw(DEFAULT_SCOPE_ID, second.id)
        waited = not poll.done()
        await asyncio.gather(
            driver.post_result(uuid="u1"),
            driver.expire_overdue(),
            driver.enqueue("reboot"),
        )
        answer = await poll

    assert waited
    assert answer is not None
    sent = [command for commit in moves(commits) for command, s in commit if s is SENT]
    assert [third.id] == [answer.command.id] == sent
    assert CommandState.CANCELED is await driver.command_state(second)


async def test_commit_that_fails(driver: ServiceDriver) -> None:
    """A result that could not be kept hands nothing out; the poll goes on waiting."""
    _, second = await driver.enqueue("reboot", "load_objects")
    await driver.receive_command("u1")
    async with driver.held_poll("u2") as poll:
        async with driver.failing_commits():
            await asyncio.gather(driver.post_result(uuid="u1"), return_exceptions=True)
        await driver.run_until_idle()
        assert not poll.done()

        await driver.post_result(uuid="u1")
        answer = await poll

    assert answer is not None
    assert (second.id, 1) == (answer.command.id, answer.command.attempts)


async def test_crash_before_writing(database: str, clock: ManualClock) -> None:
    """After a crash between commit and write, at most once stays at most once."""
    async with running_services(database, clock) as before:
        driver = before
        (_, door) = await driver.enqueue(
            "reboot", "execute_actions", guarantee=DeliveryGuarantee.AT_MOST_ONCE
        )
        await driver.receive_command("u1")
        async with driver.held_poll("u2") as poll:
            await driver.post_result(uuid="u1")
            handed_out = await poll
    async with running_services(database, clock) as after:
        clock.tick(60)
        polled = await after.poll("u3")
        state = await after.command_state(door)

    assert handed_out is not None
    assert door.id == handed_out.command.id
    assert polled is None
    assert TIMEOUT is state


async def test_unwritten_answer(driver: ServiceDriver, services: Services) -> None:
    """An answer whose block leaves before the writing gives its command back."""
    (queued,) = await driver.enqueue("reboot")
    in_flight = await driver.poll("u1")
    assert in_flight is not None
    with PollAnswer([in_flight], services.polling):
        pass
    await driver.run_until_idle()

    assert PENDING is await driver.command_state(queued)


async def test_broken_off_answer(driver: ServiceDriver, services: Services) -> None:
    """An answer that breaks off while it is written stays in flight."""
    (queued,) = await driver.enqueue("reboot")
    in_flight = await driver.poll("u1")
    assert in_flight is not None
    with PollAnswer([in_flight], services.polling) as answer:
        answer.has_started = True
    await driver.run_until_idle()

    assert SENT is await driver.command_state(queued)
    assert 0 == await services.polling.record_written()


@pytest.mark.only_on("postgres")
async def test_poll_at_another_server(database: str, clock: ManualClock) -> None:
    """A result at one server lets the poll that is held at another have the next."""
    async with (
        running_services(database, clock) as here,
        running_services(database, clock) as there,
    ):
        _, second = await here.enqueue("reboot", "load_objects")
        await here.receive_command("u1")
        async with there.held_poll("u2") as poll:
            await here.post_result(uuid="u1")
            async with asyncio.timeout(20):
                answer = await poll
        record = await here.command_record(second)

    assert answer is not None
    assert second.id == answer.command.id
    assert ["u2"] == [delivery.uuid for delivery in record.deliveries]


@pytest.mark.only_on("postgres")
async def test_poll_at_this_of_two_servers(database: str, clock: ManualClock) -> None:
    """With several servers, too, a result and the next hand-out share a commit."""
    async with (
        running_services(database, clock) as here,
        running_services(database, clock) as there,
    ):
        first, second = await here.enqueue("reboot", "load_objects")
        await here.receive_command("u1")
        async with here.held_poll("u2") as poll, there.held_poll("u3") as other:
            commits = record_commits(here.services)
            await here.post_result(uuid="u1")
            answer = await poll
            await there.run_until_idle()
            is_other_waiting = not other.done()

    assert answer is not None
    first_moves = [(first.id, DELIVERED), (first.id, SUCCESSFUL)]
    assert [[*first_moves, (second.id, SENT)]] == [
        moved for moved in moves(commits) if moved
    ]
    assert is_other_waiting
