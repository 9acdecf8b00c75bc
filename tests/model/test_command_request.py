"""From what a program asks for to a command."""

from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.command import Command
from pushserver.model.command_request import (
    CommandRequest,
    StepRef,
    make_command,
    retry_request,
)
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.protocols.controlid.catalogue import endpoint_defaults
from tests.clock import START
from tests.model.factories import DAY, DEVICE, TIMEOUT, order


def make(
    endpoint: str = "load_objects", place: StepRef | None = None, **fields: Any
) -> Command:
    """Make a command of a request, now."""
    request = CommandRequest(order=order(endpoint), **fields)
    return make_command(
        request,
        command_id=7,
        scope_id=DEFAULT_SCOPE_ID,
        device_id=DEVICE,
        now=START,
        defaults=endpoint_defaults(request.order),
        response_timeout=TIMEOUT,
        step_ref=place,
    )


def test_defaults() -> None:
    """Fields that the program leaves open come from the catalogue and the settings."""
    defaults = make()

    assert (7, DEVICE, "load_objects") == (
        defaults.id,
        defaults.device_id,
        defaults.endpoint,
    )
    assert CommandState.PENDING is defaults.state
    assert DeliveryGuarantee.AT_LEAST_ONCE is defaults.guarantee
    assert (0, 5, TIMEOUT) == (
        defaults.priority,
        defaults.max_attempts,
        defaults.response_timeout,
    )
    assert (START, None, START + DAY) == (
        defaults.created_at,
        defaults.not_before,
        defaults.expires_at,
    )
    assert (0, None) == (defaults.attempts, defaults.stored_state)


def test_given() -> None:
    """The program's own values take precedence."""
    request = make(
        priority=-100,
        guarantee=DeliveryGuarantee.AT_MOST_ONCE,
        max_attempts=2,
        response_timeout=SECOND,
        resource="photo",
        place=StepRef(12, 3),
    )

    assert (-100, DeliveryGuarantee.AT_MOST_ONCE, 2) == (
        request.priority,
        request.guarantee,
        request.max_attempts,
    )
    assert (12, 3, "photo") == (request.operation_id, request.step, request.resource)
    assert SECOND == request.response_timeout


@pytest.mark.parametrize(
    ("endpoint", "fields", "seconds"),
    [
        ("load_objects", {}, 86_400),
        ("execute_actions", {}, 30),
        ("unheard_of", {}, 86_400),
        ("execute_actions", {"expires_in": 5 * SECOND}, 5),
        ("execute_actions", {"not_before": START + 60 * SECOND}, 90),
        ("execute_actions", {"not_before": START - 60 * SECOND}, 30),
        (
            "load_objects",
            {"not_before": START + 60 * SECOND, "expires_in": SECOND},
            61,
        ),
    ],
)
def test_expiry(endpoint: str, fields: dict[str, Any], seconds: int) -> None:
    """A command expires so long after it was made, or may first be handed out."""
    assert START + seconds * SECOND == make(endpoint, **fields).expires_at


def test_slow() -> None:
    """A command knows whether its device may need long."""
    assert make("remote_enroll").slow
    assert not make("load_objects").slow


def test_again() -> None:
    """A command tried again asks for the same, for as long, from then on."""
    first = make(
        "execute_actions",
        priority=3,
        max_attempts=2,
        guarantee=DeliveryGuarantee.AT_LEAST_ONCE,
        response_timeout=9 * SECOND,
        expires_in=40 * SECOND,
        not_before=START + DAY,
        place=StepRef(12, 3),
        resource="photo",
    )

    again = retry_request(first, order("execute_actions"))

    assert (
        CommandRequest(
            order=order("execute_actions"),
            priority=3,
            max_attempts=2,
            guarantee=DeliveryGuarantee.AT_LEAST_ONCE,
            response_timeout=9 * SECOND,
            expires_in=40 * SECOND,
        )
        == again
    )
