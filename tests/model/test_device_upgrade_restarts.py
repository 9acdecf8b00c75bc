"""Upgrades of devices that restart while they apply: the version decides, in time."""

from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.transitions import give_up_in_flight
from tests.model.upgrade_scenario import (
    NEW_VERSION_BODY,
    NOTHING,
    OLD_VERSION_BODY,
    PATH,
    UpgradeScenario,
    error_result,
)


def restarting(**fields: Any) -> UpgradeScenario:
    """Return a device whose first command of applying was not answered."""
    scenario = UpgradeScenario.of(**fields)
    scenario.run_step_with(OLD_VERSION_BODY)
    for _ in range(scenario.device_upgrade.upgrade.download_steps):
        scenario.run_step_with()
    scenario.leave_step_unanswered()
    return scenario


def test_no_answer_is_no_failure() -> None:
    """An apply command that is not answered goes on to reading the version."""
    scenario = restarting(apply_steps=3)

    in_flight = scenario.run_step_with(NEW_VERSION_BODY)

    assert scenario.device_upgrade.upgrade.verify_step == in_flight.command.step
    assert [*PATH, "SUCCESS"] == scenario.emitted
    assert ("COMPLETED", 6, 0, 0, 100) == scenario.progress_row


@pytest.mark.parametrize("answer", [OLD_VERSION_BODY, NOTHING, error_result()])
def test_it_may_not_have_restarted_yet(answer: bytes | ParsedResult) -> None:
    """Whatever the device says before it has the version, it is asked again."""
    scenario = restarting()

    for _ in range(3):
        scenario.run_step_with(answer)
    scenario.run_step_with(NEW_VERSION_BODY)

    assert [*PATH, "SUCCESS"] == scenario.emitted
    assert "" == scenario.result.error


@pytest.mark.parametrize("missing", [False, True])
def test_no_answer_while_verifying(missing: bool) -> None:
    """A try to verify that is not answered, or not handed out, is made again."""
    scenario = restarting() if missing else UpgradeScenario.of().run_up_to_verify()

    scenario.leave_step_unanswered()
    command = scenario.start_next_step()
    scenario.now = command.expires_at
    scenario.expire_overdue()

    assert [*PATH, "FAIL TIMEOUT"] == scenario.emitted


def test_tries_keep_apart() -> None:
    """The first try is made at once, each other one after a pause."""
    scenario = restarting(seconds=50)

    first = scenario.run_step_with(OLD_VERSION_BODY).command
    second = scenario.start_next_step()

    assert None is first.not_before
    assert scenario.now + 5 * SECOND == second.not_before
    assert 1 == second.max_attempts


@pytest.mark.parametrize(
    ("answer", "seen"), [(OLD_VERSION_BODY, "is 1.0"), (error_result(), "no")]
)
def test_deadline(answer: bytes | ParsedResult, seen: str) -> None:
    """When the time is over it fails, and says what was seen last."""
    scenario = restarting(seconds=30)
    tries = 0
    while scenario.operation.is_running:
        scenario.run_step_with(answer)
        tries += 1

    assert 9 <= tries <= 10
    assert scenario.now < scenario.device_upgrade.deadline
    assert [*PATH, "FAIL TIMEOUT"] == scenario.emitted
    error = scenario.result.error
    assert error.startswith("The target version was not seen within 30 s. ")
    assert seen in error


def test_over_by_the_deadline() -> None:
    """A try that is handed out late is not waited for beyond the deadline."""
    scenario = restarting(seconds=60)
    command = scenario.start_next_step()
    scenario.tick(50)
    in_flight = scenario.poll_command()

    assert (
        scenario.device_upgrade.deadline == command.expires_at == in_flight.timeout_at
    )


def test_at_least_one_try() -> None:
    """When applying took all the time, the device is asked once all the same."""
    scenario = restarting(seconds=20)
    scenario.tick(60)
    command = scenario.start_next_step()
    in_flight = scenario.poll_command()

    assert scenario.now + 2 * SECOND == command.expires_at == in_flight.timeout_at
    scenario.post_parsed(
        ParsedResult(response=NEW_VERSION_BODY), in_flight.command, in_flight.delivery
    )
    assert [*PATH, "SUCCESS"] == scenario.emitted


def test_own_limits_hold() -> None:
    """The verify command's own limits are cut, never stretched."""
    scenario = restarting()

    command = scenario.start_next_step(
        expires_at=scenario.now + 7 * SECOND,
        response_timeout=3 * SECOND,
        not_before=None,
    )

    assert scenario.now + 7 * SECOND == command.expires_at
    assert 3 * SECOND == command.response_timeout


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_clock_jumps(hours: int) -> None:
    """A wall clock that jumps takes nothing of a device's time, and adds nothing."""
    scenario = restarting(seconds=60)
    scenario.run_step_with(OLD_VERSION_BODY)
    command = scenario.start_next_step()
    before = scenario.device_upgrade.deadline, command.not_before, command.expires_at

    scenario.lane.move_schedules(hours * 3600 * SECOND, scenario.now)

    assert before == (
        scenario.device_upgrade.deadline,
        command.not_before,
        command.expires_at,
    )
    assert command.not_before is not None
    assert command.not_before > scenario.now


def test_late_success() -> None:
    """A device that says after all that it has the version is believed, silently."""
    scenario = restarting(seconds=1)
    in_flight = scenario.leave_step_unanswered()
    emitted = [*PATH, "FAIL TIMEOUT"]
    assert emitted == scenario.emitted

    scenario.tick(60)
    scenario.post_parsed(
        ParsedResult(response=NEW_VERSION_BODY), in_flight.command, in_flight.delivery
    )

    assert emitted == scenario.emitted
    assert ("COMPLETED", 4, 0, 0, 100) == scenario.progress_row
    assert (None, "2.0") == (
        scenario.device_upgrade.error_code,
        scenario.device_upgrade.current_version,
    )


@pytest.mark.parametrize("answer", [OLD_VERSION_BODY, NOTHING, error_result()])
def test_late_otherwise(answer: bytes | ParsedResult) -> None:
    """Nothing else that comes late changes the device upgrade."""
    scenario = restarting(seconds=1)
    in_flight = scenario.leave_step_unanswered()
    before = scenario.progress_row

    parsed = (
        answer if isinstance(answer, ParsedResult) else ParsedResult(response=answer)
    )
    scenario.post_parsed(parsed, in_flight.command, in_flight.delivery)

    assert before == scenario.progress_row
    assert [*PATH, "FAIL TIMEOUT"] == scenario.emitted


def test_late_answer_to_applying() -> None:
    """A late answer to applying starts nothing, whatever it says."""
    scenario = UpgradeScenario.of()
    scenario.run_step_with(OLD_VERSION_BODY)
    scenario.run_step_with()
    in_flight = scenario.leave_step_unanswered()
    before = (
        scenario.operation.queued_steps,
        scenario.operation.done_steps,
        list(scenario.emitted),
    )

    scenario.post_parsed(error_result(), in_flight.command, in_flight.delivery)

    assert before == (
        scenario.operation.queued_steps,
        scenario.operation.done_steps,
        scenario.emitted,
    )
    assert scenario.device_upgrade.is_apply_unanswered
    scenario.run_step_with(NEW_VERSION_BODY)
    assert [*PATH, "SUCCESS"] == scenario.emitted


def test_late_answer_to_reading() -> None:
    """The target version, reported late by the first step, is no success."""
    scenario = UpgradeScenario.of()
    in_flight = scenario.deliver_step()
    give_up_in_flight(scenario.lane, scenario.changes, now=scenario.now)

    scenario.post_parsed(
        ParsedResult(response=NEW_VERSION_BODY), in_flight.command, in_flight.delivery
    )

    assert ["FAIL TIMEOUT"] == scenario.emitted
    assert "FAILED" == scenario.progress_row[0]


def test_late_after_cancel() -> None:
    """A canceled device upgrade stays canceled."""
    scenario = restarting()
    in_flight = scenario.leave_step_unanswered()
    scenario.cancel()

    scenario.post_parsed(
        ParsedResult(response=NEW_VERSION_BODY), in_flight.command, in_flight.delivery
    )

    assert [*PATH, "FAIL CANCELED"] == scenario.emitted
    assert "FAILED" == scenario.progress_row[0]
