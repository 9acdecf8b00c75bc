"""A device upgrade follows its steps and emits events."""

import pytest

from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState
from tests.model.upgrade_scenario import (
    NEW_VERSION_BODY,
    NOTHING,
    OLD_VERSION_BODY,
    PATH,
    UpgradeScenario,
    error_result,
)


def test_success() -> None:
    """Each state is emitted once, in order, and then the success."""
    scenario = UpgradeScenario.of(download_steps=2, apply_steps=2)
    scenario.tick()

    scenario.run_up_to_verify().tick(7)
    scenario.run_step_with(NEW_VERSION_BODY)

    assert [*PATH, "SUCCESS"] == scenario.emitted
    assert ("COMPLETED", 6, 0, 0, 100) == scenario.progress_row
    result = scenario.result
    assert ("1.0", "2.0", "2.0") == (
        result.source_version,
        result.current_version,
        result.target_version,
    )
    assert (77, scenario.operation.id, 7_000_000) == (
        result.task_id,
        result.operation_id,
        result.duration,
    )
    assert ("", "") == (result.error_code, result.error)


def test_when_states_begin() -> None:
    """A state begins with the first hand-out of its commands, not with queueing."""
    scenario, emitted = UpgradeScenario.of(), []
    scenario.run_step_with(OLD_VERSION_BODY)
    for _ in range(3):
        scenario.start_next_step()
        emitted.append(list(scenario.emitted))
        in_flight = scenario.poll_command()
        emitted.append(list(scenario.emitted))
        scenario.post_parsed(
            ParsedResult(response=NEW_VERSION_BODY),
            in_flight.command,
            in_flight.delivery,
        )

    assert [0, 1, 2, 3, 3, 3] == [len(each) for each in emitted]
    assert [*PATH, "SUCCESS"] == scenario.emitted


def test_a_state_is_told_once() -> None:
    """A hand-out that is withdrawn and repeated does not change the state again."""
    scenario = UpgradeScenario.of()
    scenario.run_step_with(OLD_VERSION_BODY)
    scenario.start_next_step()
    for _ in range(2):
        in_flight = scenario.poll_command()
        scenario.revert_delivery(in_flight)
    scenario.poll_command()

    assert ["downloading"] == scenario.emitted


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (error_result(b'"disk full"', b"17"), "17", "failed: disk full"),
        (error_result(b'"disk full"', b'"E_DISK"'), "E_DISK", "failed: disk full"),
        (error_result(b'{"why": 1}'), "DEVICE_ERROR", 'failed: {"why": 1}'),
        (error_result(b'"no"', b'""'), "DEVICE_ERROR", "failed: no"),
    ],
)
def test_device_error(answer: ParsedResult, code: str, text: str) -> None:
    """An error of the device ends it with the device's code and words."""
    scenario = UpgradeScenario.of()
    scenario.run_step_with(OLD_VERSION_BODY)

    scenario.run_step_with(answer)

    assert ["downloading", "idle", f"FAIL {code}"] == scenario.emitted
    assert f"Step 2 of 4 (part 2) {text}" == scenario.result.error
    assert "FAILED" == scenario.progress_row[0]
    assert not scenario.operation.needs_next_step


def test_before_it_downloads() -> None:
    """A failure before the download changes no state: the device is idle already."""
    scenario = UpgradeScenario.of()

    scenario.run_step_with(error_result())

    assert ["FAIL DEVICE_ERROR"] == scenario.emitted


@pytest.mark.parametrize("answer", [NOTHING, b'{"version":null}', b"[]", b'"1.0"'])
def test_no_source_version(answer: bytes) -> None:
    """A device that does not report its version is not touched."""
    scenario = UpgradeScenario.of()

    scenario.run_step_with(answer)

    assert ["FAIL NO_VERSION"] == scenario.emitted
    assert "The answer has no version at /version." == scenario.result.error


def test_already_there() -> None:
    """A device that has the target version goes through it all the same."""
    scenario = UpgradeScenario.of()
    for _ in range(4):
        scenario.run_step_with(NEW_VERSION_BODY)

    assert [*PATH, "SUCCESS"] == scenario.emitted
    assert "2.0" == scenario.result.source_version


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (OLD_VERSION_BODY, "VERSION_MISMATCH", "The version is 1.0, not 2.0."),
        (NOTHING, "NO_VERSION", "The answer has no version at /version."),
        (error_result(code=b"3"), "3", "Step 4 of 4 (part 4) failed: no"),
    ],
)
def test_verified_at_once(answer: bytes | ParsedResult, code: str, text: str) -> None:
    """When all commands were answered, what the device says then decides."""
    scenario = UpgradeScenario.of(max_retries=10).run_up_to_verify()

    scenario.run_step_with(answer)

    assert [*PATH, f"FAIL {code}"] == scenario.emitted
    assert text == scenario.result.error


@pytest.mark.parametrize("done", [0, 1])
def test_without_an_answer(done: int) -> None:
    """Reading the version, or a download, that is not answered ends it."""
    scenario = UpgradeScenario.of()
    for _ in range(done):
        scenario.run_step_with(OLD_VERSION_BODY)

    scenario.leave_step_unanswered()

    assert [*["downloading", "idle"][: 2 * done], "FAIL TIMEOUT"] == scenario.emitted
    assert "FAILED" == scenario.progress_row[0]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_expired(done: int) -> None:
    """A step that is not handed out in time ends it, however many retries it has."""
    scenario = UpgradeScenario.of(max_retries=10)
    for _ in range(done):
        scenario.run_step_with(OLD_VERSION_BODY)
    scenario.start_next_step(expires_at=scenario.now + 1)
    scenario.tick()

    scenario.expire_overdue()

    assert [*[[], [], ["downloading", "downloaded", "idle"]][done], "FAIL EXPIRED"] == (
        scenario.emitted
    )


def test_retries_are_counted_in_all() -> None:
    """Steps that fail are sent again so often in all; no state changes by that."""
    scenario = UpgradeScenario.of(max_retries=3)

    scenario.run_step_with(error_result())
    scenario.run_step_with(OLD_VERSION_BODY)
    scenario.leave_step_unanswered()
    scenario.run_step_with()
    scenario.run_step_with(error_result())
    scenario.run_step_with()
    scenario.run_step_with(NEW_VERSION_BODY)

    assert [*PATH, "SUCCESS"] == scenario.emitted
    assert ("COMPLETED", 4, 0, 0, 100) == scenario.progress_row
    steps = [c.step for c in scenario.changes.new_commands]
    assert [0, 0, 1, 1, 2, 2, 3] == steps


def test_retries_run_out() -> None:
    """One failure more than that ends it."""
    scenario = UpgradeScenario.of(max_retries=2)
    scenario.run_step_with(OLD_VERSION_BODY)
    for _ in range(3):
        scenario.run_step_with(error_result())

    assert ["downloading", "idle", "FAIL DEVICE_ERROR"] == scenario.emitted


def test_canceled_between_steps() -> None:
    """Canceled between two steps it ends at once, idle, and says so."""
    scenario = UpgradeScenario.of()
    scenario.run_step_with(OLD_VERSION_BODY)
    scenario.run_step_with()

    scenario.cancel()

    assert ["downloading", "downloaded", "idle", "FAIL CANCELED"] == scenario.emitted
    assert "Enough." == scenario.result.error


@pytest.mark.parametrize("answer", [NOTHING, error_result()])
def test_canceled_in_flight(answer: bytes | ParsedResult) -> None:
    """A command in flight runs to its end; its answer does not matter then."""
    scenario = UpgradeScenario.of(max_retries=5)
    scenario.run_step_with(OLD_VERSION_BODY)
    in_flight = scenario.deliver_step()
    scenario.cancel()
    emitted = list(scenario.emitted)

    parsed = (
        answer if isinstance(answer, ParsedResult) else ParsedResult(response=answer)
    )
    scenario.post_parsed(parsed, in_flight.command, in_flight.delivery)

    assert ["downloading"] == emitted
    assert ["downloading", "idle", "FAIL CANCELED"] == scenario.emitted


@pytest.mark.parametrize(
    ("answer", "end"),
    [(NEW_VERSION_BODY, "SUCCESS"), (OLD_VERSION_BODY, "FAIL CANCELED")],
)
def test_canceled_while_verifying(answer: bytes, end: str) -> None:
    """A device that has the target version by then has it, canceled or not."""
    scenario = UpgradeScenario.of().run_up_to_verify()
    in_flight = scenario.deliver_step()
    scenario.cancel()

    scenario.post_parsed(
        ParsedResult(response=answer), in_flight.command, in_flight.delivery
    )

    assert [*PATH, end] == scenario.emitted


def test_one_command_canceled() -> None:
    """Canceling the command of a step ends the device upgrade."""
    scenario = UpgradeScenario.of()
    scenario.run_step_with(OLD_VERSION_BODY)
    command = scenario.start_next_step()

    scenario.withdraw(command)

    assert CommandState.CANCELED is command.state
    assert ["FAIL CANCELED"] == scenario.emitted
    assert "Step 2 of 4 (part 2) was canceled." == scenario.result.error
