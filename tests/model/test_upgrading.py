"""How a device's part of an upgrade follows its steps, and what is told of it."""

import pytest

from pushserver.model.reading import Reading
from pushserver.model.state import State
from tests.model.upgrades import (
    NEW_SAID,
    NOTHING,
    OLD_SAID,
    PATH,
    UpgradeWork,
    error,
)


def test_success() -> None:
    """Each state is told once, in order, and then that it succeeded."""
    work = UpgradeWork.of(downloads=2, applies=2)
    work.tick()

    work.applied().tick(7)
    work.step(NEW_SAID)

    assert [*PATH, "SUCCESS"] == work.heard
    assert ("COMPLETED", 6, 0, 0, 100) == work.ended
    told = work.result
    assert ("1.0", "2.0", "2.0") == (
        told.source_version,
        told.current_version,
        told.target_version,
    )
    assert (77, work.operation.id, 7_000_000) == (
        told.task_id,
        told.operation_id,
        told.duration,
    )
    assert ("", "") == (told.error_code, told.error)


def test_when_states_begin() -> None:
    """A state begins with the first hand-out of its commands, not with queueing."""
    work, heard = UpgradeWork.of(), []
    work.step(OLD_SAID)
    for _ in range(3):
        work.queue()
        heard.append(list(work.heard))
        flight = work.poll()
        heard.append(list(work.heard))
        work.say(Reading(response=NEW_SAID), flight.command, flight.delivery)

    assert [0, 1, 2, 3, 3, 3] == [len(each) for each in heard]
    assert [*PATH, "SUCCESS"] == work.heard


def test_a_state_is_told_once() -> None:
    """A hand-out that is taken back and made anew is no change of the state."""
    work = UpgradeWork.of()
    work.step(OLD_SAID)
    work.queue()
    for _ in range(2):
        flight = work.poll()
        work.take_back(flight)
    work.poll()

    assert ["downloading"] == work.heard


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        (error(b'"disk full"', b"17"), "17", "failed: disk full"),
        (error(b'"disk full"', b'"E_DISK"'), "E_DISK", "failed: disk full"),
        (error(b'{"why": 1}'), "DEVICE_ERROR", 'failed: {"why": 1}'),
        (error(b'"no"', b'""'), "DEVICE_ERROR", "failed: no"),
    ],
)
def test_device_error(said: Reading, code: str, text: str) -> None:
    """An error of the device ends it with the device's code and words."""
    work = UpgradeWork.of()
    work.step(OLD_SAID)

    work.step(said)

    assert ["downloading", "idle", f"FAIL {code}"] == work.heard
    assert f"Step 2 of 4 (part 2) {text}" == work.result.error
    assert "FAILED" == work.ended[0]
    assert not work.operation.wants_step


def test_before_it_downloads() -> None:
    """What fails before changes no state: the device is idle already."""
    work = UpgradeWork.of()

    work.step(error())

    assert ["FAIL DEVICE_ERROR"] == work.heard


@pytest.mark.parametrize("said", [NOTHING, b'{"version":null}', b"[]", b'"1.0"'])
def test_no_source_version(said: bytes) -> None:
    """A device that does not tell its version is not touched."""
    work = UpgradeWork.of()

    work.step(said)

    assert ["FAIL NO_VERSION"] == work.heard
    assert "The answer has no version at /version." == work.result.error


def test_already_there() -> None:
    """A device that has the target version goes through it all the same."""
    work = UpgradeWork.of()
    for _ in range(4):
        work.step(NEW_SAID)

    assert [*PATH, "SUCCESS"] == work.heard
    assert "2.0" == work.result.source_version


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        (OLD_SAID, "VERSION_MISMATCH", "The version is 1.0, not 2.0."),
        (NOTHING, "NO_VERSION", "The answer has no version at /version."),
        (error(code=b"3"), "3", "Step 4 of 4 (part 4) failed: no"),
    ],
)
def test_verified_at_once(said: bytes | Reading, code: str, text: str) -> None:
    """When all commands were answered, what the device says then decides."""
    work = UpgradeWork.of(retries=10).applied()

    work.step(said)

    assert [*PATH, f"FAIL {code}"] == work.heard
    assert text == work.result.error


@pytest.mark.parametrize("done", [0, 1])
def test_without_an_answer(done: int) -> None:
    """Reading the version, or a download, that is not answered ends it."""
    work = UpgradeWork.of()
    for _ in range(done):
        work.step(OLD_SAID)

    work.silence()

    assert [*["downloading", "idle"][: 2 * done], "FAIL TIMEOUT"] == work.heard
    assert "FAILED" == work.ended[0]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_expired(done: int) -> None:
    """A step that is not handed out in time ends it, however many retries it has."""
    work = UpgradeWork.of(retries=10)
    for _ in range(done):
        work.step(OLD_SAID)
    work.queue(expires_at=work.now + 1)
    work.tick()

    work.look_after()

    assert [*[[], [], ["downloading", "downloaded", "idle"]][done], "FAIL EXPIRED"] == (
        work.heard
    )


def test_retries_are_counted_in_all() -> None:
    """Steps that fail are sent again so often in all; no state changes by that."""
    work = UpgradeWork.of(retries=3)

    work.step(error())
    work.step(OLD_SAID)
    work.silence()
    work.step()
    work.step(error())
    work.step()
    work.step(NEW_SAID)

    assert [*PATH, "SUCCESS"] == work.heard
    assert ("COMPLETED", 4, 0, 0, 100) == work.ended
    steps = [c.step for c in work.changes.added]
    assert [0, 0, 1, 1, 2, 2, 3] == steps


def test_retries_run_out() -> None:
    """One failure more than that ends it."""
    work = UpgradeWork.of(retries=2)
    work.step(OLD_SAID)
    for _ in range(3):
        work.step(error())

    assert ["downloading", "idle", "FAIL DEVICE_ERROR"] == work.heard


def test_canceled_between_steps() -> None:
    """Canceled between two steps it ends at once, idle, and says so."""
    work = UpgradeWork.of()
    work.step(OLD_SAID)
    work.step()

    work.cancel()

    assert ["downloading", "downloaded", "idle", "FAIL CANCELED"] == work.heard
    assert "Enough." == work.result.error


@pytest.mark.parametrize("said", [NOTHING, error()])
def test_canceled_in_flight(said: bytes | Reading) -> None:
    """What is in flight runs to its end; what it says then does not matter."""
    work = UpgradeWork.of(retries=5)
    work.step(OLD_SAID)
    flight = work.hand_out()
    work.cancel()
    heard = list(work.heard)

    reading = said if isinstance(said, Reading) else Reading(response=said)
    work.say(reading, flight.command, flight.delivery)

    assert ["downloading"] == heard
    assert ["downloading", "idle", "FAIL CANCELED"] == work.heard


@pytest.mark.parametrize(
    ("said", "end"), [(NEW_SAID, "SUCCESS"), (OLD_SAID, "FAIL CANCELED")]
)
def test_canceled_while_verifying(said: bytes, end: str) -> None:
    """A device that has the target version by then has it, canceled or not."""
    work = UpgradeWork.of().applied()
    flight = work.hand_out()
    work.cancel()

    work.say(Reading(response=said), flight.command, flight.delivery)

    assert [*PATH, end] == work.heard


def test_one_command_canceled() -> None:
    """Somebody who cancels the command of a step ends the part."""
    work = UpgradeWork.of()
    work.step(OLD_SAID)
    command = work.queue()

    work.cancel_command(command)

    assert State.CANCELED is command.state
    assert ["FAIL CANCELED"] == work.heard
    assert "Step 2 of 4 (part 2) was canceled." == work.result.error
