"""How a service of a device follows the commands that write and read it."""

import pytest

from pushserver.dialects.controlid import configuration
from pushserver.model.shadow import Value, Written
from tests.model.mirrored import Mirrored

WANTED: dict[str, Value] = {"language": "pt_BR", "beep": True}
SENT = WANTED


@pytest.fixture(name="one")
def _one() -> Mirrored:
    """Return a device of which something is desired."""
    one = Mirrored()
    one.desire(WANTED)
    return one


def test_delivered(one: Mirrored) -> None:
    """
    A success makes what was sent reported, as the device has it, and is told.
    """
    one.do()

    assert {"language": "pt_BR", "beep": "1"} == one.service.reported
    assert [(True, SENT, None)] == one.told
    assert "delivered" == one.standing


def test_failed(one: Mirrored) -> None:
    """
    A failure makes nothing reported, and is told with what the device said.
    """
    one.do(failed=True)

    assert {} == one.service.reported
    assert [(False, SENT, "Node or attribute not found.")] == one.told
    assert "failed" == one.standing


def test_a_failure_is_not_sent_again_by_itself(one: Mirrored) -> None:
    """
    What the device refused is not due, as long as nothing else is desired.
    """
    one.do(failed=True)

    assert not one.service.due


def test_moved_while_in_flight(one: Mirrored) -> None:
    """
    What moved while a command was with the device is due when that has ended.
    """
    flight = one.poll()
    one.desire({**WANTED, "language": "en_US"})
    assert [] == one.bodies
    one.answer(flight.command, flight.delivery)

    assert one.service.due
    one.compare()
    assert ['{"general":{"language":"en_US"}}'] == one.bodies
    assert [(True, SENT, None)] == one.told


@pytest.mark.parametrize("failed", [False, True])
def test_no_answer(one: Mirrored, failed: bool) -> None:
    """
    No answer is FAILED; a late success is DELIVERED, a late failure no news.
    """
    flight = one.poll()
    one.tick(200_000)
    one.give_up()
    assert [(False, SENT, "No answer.")] == one.told

    one.answer(flight.command, flight.delivery, failed=failed)

    late = [] if failed else [(True, SENT, None)]
    assert late == one.told[1:]
    assert ("failed" if failed else "delivered") == one.standing


def test_nobody_knows(one: Mirrored) -> None:
    """
    After a write without an answer nobody knows what the device has.
    """
    one.do()
    one.desire({**WANTED, "beep": False})
    one.poll()
    one.tick(200_000)
    one.give_up()

    assert {"language": "pt_BR"} == one.service.reported
    one.desire(WANTED)
    assert ['{"general":{"beep":"1"}}'] == one.bodies


def test_expired() -> None:
    """
    A command that expired is FAILED, and is tried again when the device is there.
    """
    one = Mirrored()
    one.desire(WANTED, seconds=30)
    one.tick(31)
    one.look_after()

    assert [(False, SENT, "It expired.")] == one.told
    assert (True, "failed") == (one.service.lapsed, one.standing)
    one.compare()
    assert (False, "pending") == (one.service.lapsed, one.standing)


def test_replaced_in_silence(one: Mirrored) -> None:
    """
    A queued command makes room for a newer one, and nothing is told of it.
    """
    one.desire({**WANTED, "language": "en_US"})

    assert ['{"general":{"language":"en_US","beep":"1"}}'] == one.bodies
    assert [] == one.told


def test_replaced_after_an_attempt(one: Mirrored) -> None:
    """
    So does one that waits again; its late result changes nothing.
    """
    flight = one.poll()
    one.tick(5)
    one.give_up()
    one.desire({**WANTED, "language": "en_US"})
    assert ["TIMEOUT"] == [flight.command.state]
    one.answer(flight.command, flight.delivery)

    assert ({}, []) == (one.service.reported, one.told)
    one.do()
    assert [(True, {**SENT, "language": "en_US"}, None)] == one.told


def test_replaced_and_nobody_knows(one: Mirrored) -> None:
    """
    What a replaced command may have changed is sent again, also if it is as before.
    """
    one.do()
    one.desire({**WANTED, "beep": False})
    one.poll()
    one.tick(5)
    one.give_up()

    one.desire(WANTED)

    assert ['{"general":{"beep":"1"}}'] == one.bodies


def test_waits_again_and_has_moved(one: Mirrored) -> None:
    """
    What moved is due also when the command comes back, and is not sent as it was.
    """
    flight = one.poll()
    one.desire({"language": "en_US"})
    one.take_back(flight)

    assert one.service.due
    one.compare()
    assert ['{"general":{"language":"en_US"}}'] == one.bodies


def test_refresh_shows_drift(one: Mirrored) -> None:
    """
    What the device has otherwise is drift; nobody sends it by himself.
    """
    one.do()
    one.read(language="pt_BR", beep="0")

    assert ["beep"] == one.service.drift(configuration.text)
    assert ("pending", False, []) == (one.standing, one.service.due, one.bodies)


def test_refresh_forgets_what_is_gone(one: Mirrored) -> None:
    """
    What the device was asked for and does not have is reported no more.
    """
    one.do()
    one.read("more", language="pt_BR")

    assert {"language": "pt_BR"} == one.service.reported


def test_a_response_without_the_service(one: Mirrored) -> None:
    """
    A response that says nothing of the service teaches nothing.
    """
    one.do()
    one.refresh()
    flight = one.poll()
    one.answer(flight.command, flight.delivery, reported=None)

    assert "delivered" == one.standing


def test_a_late_reading_is_no_news(one: Mirrored) -> None:
    """
    What a device said before a write does not undo the write.
    """
    waiting = one.lane.waiting.pop()
    one.refresh()
    reading = one.poll()
    one.tick(200_000)
    one.give_up()
    one.lane.insert(waiting)
    waiting.expires_at = one.now + 1_000_000
    one.do()
    one.answer(reading.command, reading.delivery, reported={"language": "old"})

    assert {"language": "pt_BR", "beep": "1"} == one.service.reported


def test_nothing_desired_is_in_sync() -> None:
    """
    What was never desired is in sync; so is what the device has by itself.
    """
    one = Mirrored()
    assert "inSync" == one.standing

    one.read("beep", beep="1")
    one.desire({"beep": 1})

    assert ("inSync", []) == (one.standing, one.bodies)


def test_same_text_is_no_difference(one: Mirrored) -> None:
    """
    Values that the device has as the same string do not differ.
    """
    one.do()
    one.desire({"language": "pt_BR", "beep": 1})

    assert ([], "delivered") == (one.bodies, one.standing)


def test_a_plan_takes_back_what_waits(one: Mirrored) -> None:
    """
    What a task's step is going to send is not sent before, nor is what was before.
    """
    one.service.desire({"beep": 0}, 2, one.now)
    one.syncing.plan(one.service)

    assert ([], []) == (one.bodies, one.told)
    assert (True, "pending") == (one.service.planned, one.standing)


def test_a_plan_while_in_flight(one: Mirrored) -> None:
    """
    What ends while a step is to come is not compared: the step is.
    """
    flight = one.poll()
    one.service.desire({"beep": 0}, 2, one.now)
    one.syncing.plan(one.service)
    one.answer(flight.command, flight.delivery)

    assert not one.service.due
    assert Written.DELIVERED is one.service.outcome
