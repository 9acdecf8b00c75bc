"""Upgrades of devices that restart while they apply: the version decides, in time."""

from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.reading import Reading
from pushserver.model.turns import give_up
from tests.model.upgrades import (
    NEW_SAID,
    NOTHING,
    OLD_SAID,
    PATH,
    UpgradeWork,
    error,
)


def restarting(**given: Any) -> UpgradeWork:
    """Return a device whose first command of applying was not answered."""
    work = UpgradeWork.of(**given)
    work.step(OLD_SAID)
    for _ in range(work.part.upgrade.downloads):
        work.step()
    work.silence()
    return work


def test_no_answer_is_no_failure() -> None:
    """An apply command that is not answered goes on to reading the version."""
    work = restarting(applies=3)

    flight = work.step(NEW_SAID)

    assert work.part.upgrade.last == flight.command.step
    assert [*PATH, "SUCCESS"] == work.heard
    assert ("COMPLETED", 6, 0, 0, 100) == work.ended


@pytest.mark.parametrize("said", [OLD_SAID, NOTHING, error()])
def test_it_may_not_have_restarted_yet(said: bytes | Reading) -> None:
    """Whatever the device says before it has the version, it is asked again."""
    work = restarting()

    for _ in range(3):
        work.step(said)
    work.step(NEW_SAID)

    assert [*PATH, "SUCCESS"] == work.heard
    assert "" == work.result.error


@pytest.mark.parametrize("missing", [False, True])
def test_no_answer_while_verifying(missing: bool) -> None:
    """A try to verify that is not answered, or not handed out, is made again."""
    work = restarting() if missing else UpgradeWork.of().applied()

    work.silence()
    command = work.queue()
    work.now = command.expires_at
    work.look_after()

    assert [*PATH, "FAIL TIMEOUT"] == work.heard


def test_tries_keep_apart() -> None:
    """The first try is made at once, each other one after a pause."""
    work = restarting(seconds=50)

    first = work.step(OLD_SAID).command
    second = work.queue()

    assert None is first.not_before
    assert work.now + 5 * SECOND == second.not_before
    assert 1 == second.max_attempts


@pytest.mark.parametrize(("said", "seen"), [(OLD_SAID, "is 1.0"), (error(), "no")])
def test_deadline(said: bytes | Reading, seen: str) -> None:
    """When the time is over it fails, and says what was seen last."""
    work = restarting(seconds=30)
    tries = 0
    while work.operation.is_running:
        work.step(said)
        tries += 1

    assert 9 <= tries <= 10
    assert work.now < work.part.deadline
    assert [*PATH, "FAIL TIMEOUT"] == work.heard
    told = work.result.error
    assert told.startswith("The target version was not seen within 30 s. ")
    assert seen in told


def test_over_by_the_deadline() -> None:
    """A try that is handed out late is not waited for beyond the deadline."""
    work = restarting(seconds=60)
    command = work.queue()
    work.tick(50)
    flight = work.poll()

    assert work.part.deadline == command.expires_at == flight.timeout_at


def test_at_least_one_try() -> None:
    """When applying took all the time, the device is asked once all the same."""
    work = restarting(seconds=20)
    work.tick(60)
    command = work.queue()
    flight = work.poll()

    assert work.now + 2 * SECOND == command.expires_at == flight.timeout_at
    work.say(Reading(response=NEW_SAID), flight.command, flight.delivery)
    assert [*PATH, "SUCCESS"] == work.heard


def test_own_limits_hold() -> None:
    """What the verify command itself says is cut, never stretched."""
    work = restarting()

    command = work.queue(
        expires_at=work.now + 7 * SECOND, response_timeout=3 * SECOND, not_before=None
    )

    assert work.now + 7 * SECOND == command.expires_at
    assert 3 * SECOND == command.response_timeout


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_clock_jumps(hours: int) -> None:
    """A wall clock that jumps takes nothing of a device's time, and adds nothing."""
    work, jump = restarting(seconds=60), hours * 3600 * SECOND
    work.step(OLD_SAID)
    command = work.queue()
    before = work.part.deadline, command.not_before, command.expires_at

    work.lane.shift(jump)
    work.now += jump

    assert [each + jump for each in before if each] == [
        work.part.deadline,
        command.not_before,
        command.expires_at,
    ]
    work.look_after()
    work.tick(6)
    flight = work.poll()
    work.say(Reading(response=NEW_SAID), flight.command, flight.delivery)
    assert [*PATH, "SUCCESS"] == work.heard


def test_late_success() -> None:
    """A device that says after all that it has the version is believed, silently."""
    work = restarting(seconds=1)
    flight = work.silence()
    heard = [*PATH, "FAIL TIMEOUT"]
    assert heard == work.heard

    work.tick(60)
    work.say(Reading(response=NEW_SAID), flight.command, flight.delivery)

    assert heard == work.heard
    assert ("COMPLETED", 4, 0, 0, 100) == work.ended
    assert (None, "2.0") == (work.part.error_code, work.part.current_version)


@pytest.mark.parametrize("said", [OLD_SAID, NOTHING, error()])
def test_late_otherwise(said: bytes | Reading) -> None:
    """Nothing else that comes late changes the part."""
    work = restarting(seconds=1)
    flight = work.silence()
    before = work.ended

    reading = said if isinstance(said, Reading) else Reading(response=said)
    work.say(reading, flight.command, flight.delivery)

    assert before == work.ended
    assert [*PATH, "FAIL TIMEOUT"] == work.heard


def test_late_answer_to_applying() -> None:
    """A late answer to applying starts nothing, whatever it says."""
    work = UpgradeWork.of()
    work.step(OLD_SAID)
    work.step()
    flight = work.silence()
    before = (work.operation.queued, work.operation.done, list(work.heard))

    work.say(error(), flight.command, flight.delivery)

    assert before == (work.operation.queued, work.operation.done, work.heard)
    assert work.part.missing
    work.step(NEW_SAID)
    assert [*PATH, "SUCCESS"] == work.heard


def test_late_answer_to_reading() -> None:
    """The target version, told late by the first step, is no success."""
    work = UpgradeWork.of()
    flight = work.hand_out()
    give_up(work.lane, work.changes, now=work.now)

    work.say(Reading(response=NEW_SAID), flight.command, flight.delivery)

    assert ["FAIL TIMEOUT"] == work.heard
    assert "FAILED" == work.ended[0]


def test_late_after_cancel() -> None:
    """What was canceled stays canceled."""
    work = restarting()
    flight = work.silence()
    work.cancel()

    work.say(Reading(response=NEW_SAID), flight.command, flight.delivery)

    assert [*PATH, "FAIL CANCELED"] == work.heard
    assert "FAILED" == work.ended[0]
