"""How a service of a device follows the commands that write and read it."""

import msgspec
import pytest

from pushserver.model.parsed_result import MAX_SEARCHED
from pushserver.model.shadow import PropertyValue, WriteOutcome
from pushserver.model.shadow_follow import MAX_WRITE_ERROR
from pushserver.protocols.controlid import configuration
from tests.model.shadow_scenario import ShadowScenario

DESIRED: dict[str, PropertyValue] = {"language": "pt_BR", "beep": True}
SENT = DESIRED


@pytest.fixture(name="one")
def _one() -> ShadowScenario:
    """Return a device of which something is desired."""
    one = ShadowScenario()
    one.set_desired(DESIRED)
    return one


def test_delivered(one: ShadowScenario) -> None:
    """
    A success turns what was sent into reported, as the device has it, and emits it.
    """
    one.run_command()

    assert {"language": "pt_BR", "beep": "1"} == one.service.reported
    assert [(True, SENT, None)] == one.payloads
    assert "delivered" == one.sync_status


def test_failed(one: ShadowScenario) -> None:
    """
    A failure changes nothing reported, and emits the device's error.
    """
    one.run_command(failed=True)

    assert {} == one.service.reported
    assert [(False, SENT, "Node or attribute not found.")] == one.payloads
    assert "failed" == one.sync_status


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (b'{"code":1}' + b" " * (MAX_WRITE_ERROR - 10), None),
        (b'"%s"' % (b"E" * 2 * MAX_WRITE_ERROR), "E" * MAX_WRITE_ERROR),
        (b'{"a":"%s"}' % (b"E" * MAX_WRITE_ERROR), '{"a":"' + "E" * 3994),
        (b'{"a":"%s"}' % (b"E" * 60 * MAX_SEARCHED), '{"a":"' + "E" * 3994),
        ('"%s"' % ("é" * MAX_WRITE_ERROR), "é" * MAX_WRITE_ERROR),
    ],
)
def test_long_error(one: ShadowScenario, error: bytes | str, kept: str | None) -> None:
    """
    Of a long error the beginning is kept and emitted, as text; a short one as it is.
    """
    one.error = error.encode() if isinstance(error, str) else error
    one.run_command(failed=True)

    ((_, _, emitted),) = one.payloads
    text = one.error.decode() if kept is None else kept
    stored = one.error if kept is None else msgspec.json.encode(kept)
    assert (text, stored) == (emitted, one.service.write_error)


def test_a_failure_is_not_sent_again_by_itself(one: ShadowScenario) -> None:
    """
    Values that the device refused are not due, as long as nothing else is desired.
    """
    one.run_command(failed=True)

    assert not one.service.needs_reconcile


def test_moved_while_in_flight(one: ShadowScenario) -> None:
    """
    A change during a command in flight is due when that has ended.
    """
    in_flight = one.poll_command()
    one.set_desired({**DESIRED, "language": "en_US"})
    assert [] == one.waiting_bodies
    one.post_result(in_flight.command, in_flight.delivery)

    assert one.service.needs_reconcile
    one.compare()
    assert ['{"general":{"language":"en_US"}}'] == one.waiting_bodies
    assert [(True, SENT, None)] == one.payloads


@pytest.mark.parametrize("failed", [False, True])
def test_no_answer(one: ShadowScenario, failed: bool) -> None:
    """
    No answer is FAILED; a late success is DELIVERED, a late failure emits nothing.
    """
    in_flight = one.poll_command()
    one.tick(200_000)
    one.give_up_delivery()
    assert [(False, SENT, "No answer.")] == one.payloads

    one.post_result(in_flight.command, in_flight.delivery, failed=failed)

    late = [] if failed else [(True, SENT, None)]
    assert late == one.payloads[1:]
    assert ("failed" if failed else "delivered") == one.sync_status


def test_nobody_knows(one: ShadowScenario) -> None:
    """
    After a write without an answer nobody knows what the device has.
    """
    one.run_command()
    one.set_desired({**DESIRED, "beep": False})
    one.poll_command()
    one.tick(200_000)
    one.give_up_delivery()

    assert {"language": "pt_BR"} == one.service.reported
    one.set_desired(DESIRED)
    assert ['{"general":{"beep":"1"}}'] == one.waiting_bodies


def test_expired() -> None:
    """
    A command that expired is FAILED, and is tried again when the device is there.
    """
    one = ShadowScenario()
    one.set_desired(DESIRED, seconds=30)
    one.tick(31)
    one.expire_overdue()

    assert [(False, SENT, "It expired.")] == one.payloads
    assert (True, "failed") == (one.service.is_write_expired, one.sync_status)
    one.compare()
    assert (False, "pending") == (one.service.is_write_expired, one.sync_status)


def test_replaced_without_event(one: ShadowScenario) -> None:
    """
    A newer command replaces a queued one, which emits nothing.
    """
    one.set_desired({**DESIRED, "language": "en_US"})

    assert ['{"general":{"language":"en_US","beep":"1"}}'] == one.waiting_bodies
    assert [] == one.payloads


def test_replaced_after_an_attempt(one: ShadowScenario) -> None:
    """
    The same goes for one that waits again; its late result changes nothing.
    """
    in_flight = one.poll_command()
    one.tick(5)
    one.give_up_delivery()
    one.set_desired({**DESIRED, "language": "en_US"})
    assert ["TIMEOUT"] == [in_flight.command.state]
    one.post_result(in_flight.command, in_flight.delivery)

    assert ({}, []) == (one.service.reported, one.payloads)
    one.run_command()
    assert [(True, {**SENT, "language": "en_US"}, None)] == one.payloads


def test_replaced_and_nobody_knows(one: ShadowScenario) -> None:
    """
    Values that a replaced command may have changed are sent again, even if unchanged.
    """
    one.run_command()
    one.set_desired({**DESIRED, "beep": False})
    one.poll_command()
    one.tick(5)
    one.give_up_delivery()

    one.set_desired(DESIRED)

    assert ['{"general":{"beep":"1"}}'] == one.waiting_bodies


def test_waits_again_and_has_moved(one: ShadowScenario) -> None:
    """
    A change is due even when the command comes back, which is not sent as it was.
    """
    in_flight = one.poll_command()
    one.set_desired({"language": "en_US"})
    one.revert_delivery(in_flight)

    assert one.service.needs_reconcile
    one.compare()
    assert ['{"general":{"language":"en_US"}}'] == one.waiting_bodies


def test_refresh_shows_drift(one: ShadowScenario) -> None:
    """
    A value that differs on the device is drift, and is not sent automatically.
    """
    one.run_command()
    one.run_refresh(language="pt_BR", beep="0")

    assert ["beep"] == one.service.drift(configuration.format_value)
    assert ("pending", False, []) == (
        one.sync_status,
        one.service.needs_reconcile,
        one.waiting_bodies,
    )


def test_refresh_forgets_what_is_gone(one: ShadowScenario) -> None:
    """
    A property that the device was asked for and lacks is no longer reported.
    """
    one.run_command()
    one.run_refresh("more", language="pt_BR")

    assert {"language": "pt_BR"} == one.service.reported


def test_a_response_without_the_service(one: ShadowScenario) -> None:
    """
    A response that says nothing of the service teaches nothing.
    """
    one.run_command()
    one.refresh()
    in_flight = one.poll_command()
    one.post_result(in_flight.command, in_flight.delivery, reported=None)

    assert "delivered" == one.sync_status


def test_late_result_emits_nothing(one: ShadowScenario) -> None:
    """
    A read from before a write does not undo the write.
    """
    waiting = one.lane.waiting.pop()
    one.refresh()
    in_flight = one.poll_command()
    one.tick(200_000)
    one.give_up_delivery()
    one.lane.insert(waiting)
    waiting.expires_at = one.now + 1_000_000
    one.run_command()
    one.post_result(in_flight.command, in_flight.delivery, reported={"language": "old"})

    assert {"language": "pt_BR", "beep": "1"} == one.service.reported


def test_nothing_desired_is_in_sync() -> None:
    """
    A service of which nothing is desired is in sync, whatever the device has.
    """
    one = ShadowScenario()
    assert "inSync" == one.sync_status

    one.run_refresh("beep", beep="1")
    one.set_desired({"beep": 1})

    assert ("inSync", []) == (one.sync_status, one.waiting_bodies)


def test_same_text_is_no_difference(one: ShadowScenario) -> None:
    """
    Values that the device has as the same string do not differ.
    """
    one.run_command()
    one.set_desired({"language": "pt_BR", "beep": 1})

    assert ([], "delivered") == (one.waiting_bodies, one.sync_status)


def test_a_plan_takes_back_what_waits(one: ShadowScenario) -> None:
    """
    A task's step withdraws a waiting command; nothing is sent before the step.
    """
    one.service.set_desired({"beep": 0}, 2, one.now)
    one.reconciler.defer_to_step(one.service)

    assert ([], []) == (one.waiting_bodies, one.payloads)
    assert (True, "pending") == (one.service.awaits_step, one.sync_status)


def test_a_plan_while_in_flight(one: ShadowScenario) -> None:
    """
    The end of a command does not compare the service while a step is to come.
    """
    in_flight = one.poll_command()
    one.service.set_desired({"beep": 0}, 2, one.now)
    one.reconciler.defer_to_step(one.service)
    one.post_result(in_flight.command, in_flight.delivery)

    assert not one.service.needs_reconcile
    assert WriteOutcome.DELIVERED is one.service.write_outcome
