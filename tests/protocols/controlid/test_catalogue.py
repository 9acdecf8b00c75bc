"""What is known of the endpoints."""

import pytest

from pushserver.model.guarantee import (
    DAY_SECONDS,
    DeliveryGuarantee,
    EndpointDefaults,
)
from pushserver.protocols.controlid.catalogue import (
    CATALOGUE,
    LARGE_BODY,
    endpoint_defaults,
)
from tests.model.factories import order


def defaults(endpoint: str, body: str | None = None) -> EndpointDefaults:
    """Return what applies to commands of an endpoint with this body."""
    return endpoint_defaults(order(endpoint, body=body))


@pytest.mark.parametrize(
    "name",
    [
        "load_objects",
        "modify_objects",
        "destroy_objects",
        "create_or_modify_objects",
        "get_configuration",
        "set_configuration",
        "system_information",
        "user_set_image",
        "user_list_images",
        "user_get_image_list",
    ],
)
def test_again(name: str) -> None:
    """Reading and idempotent configuration may be handed out again."""
    assert DeliveryGuarantee.AT_LEAST_ONCE is defaults(name).guarantee


@pytest.mark.parametrize(
    "name",
    [
        "execute_actions",
        "create_objects",
        "remote_enroll",
        "reboot",
        "reset_to_factory_default",
        "set_system_network",
        "set_system_time",
        "change_login",
        "delete_admins",
        "message_to_screen",
        "never_heard_of_it",
        "LOAD_OBJECTS",
    ],
)
def test_once(name: str) -> None:
    """An endpoint that acts in the world, or is unknown, is never handed out twice."""
    assert DeliveryGuarantee.AT_MOST_ONCE is defaults(name).guarantee


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("execute_actions", 30),
        ("remote_user_authorization", 30),
        ("buzzer_buzz", 30),
        ("set_system_time", 30),
        ("message_to_screen", 60),
        ("cancel_remote_enroll", 60),
        ("remote_enroll", 120),
        ("reboot", 300),
    ],
)
def test_acts_expire_soon(name: str, seconds: int) -> None:
    """What acts at the moment is not done when that has passed, and never twice."""
    expected = (seconds, DeliveryGuarantee.AT_MOST_ONCE)

    assert expected == (defaults(name).expires_in, defaults(name).guarantee)


@pytest.mark.parametrize(
    "name",
    [
        "set_configuration",
        "load_objects",
        "reset_to_factory_default",
        "set_system_network",
        "change_login",
        "never_heard_of_it",
    ],
)
def test_states_last(name: str) -> None:
    """What reads, or changes a state that lasts, is wanted for a day."""
    assert DAY_SECONDS == 24 * 3600 == defaults(name).expires_in


def test_acts_are_at_most_once() -> None:
    """Whatever expires soon acts: within 30 to 300 seconds, and at most once."""
    soon = [e for e in CATALOGUE.values() if e.expires_in != DAY_SECONDS]

    assert all(30 <= each.expires_in <= 300 for each in soon)
    assert {DeliveryGuarantee.AT_MOST_ONCE} == {each.guarantee for each in soon}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("remote_enroll", None),
        ("report_generate", None),
        ("user_list_images", None),
        ("user_get_image_list", '{"user_ids":[1]}'),
        ("user_set_image_list", '{"user_images":[]}'),
        ("load_objects", '{"object":"access_logs"}'),
        ("load_objects", '{ "object" : "alarm_logs", "limit": 10 }'),
        ("create_objects", "x" * LARGE_BODY),
    ],
)
def test_slow(name: str, body: str | None) -> None:
    """Enrolling, reports, image lists and large loads may take long."""
    assert defaults(name, body).slow


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("load_objects", None),
        ("load_objects", '{"object":"users"}'),
        ("execute_actions", '{"actions":[]}'),
        ("modify_objects", '{"object":"access_logs"}'),
        ("nobody_knows", None),
    ],
)
def test_not_slow(name: str, body: str | None) -> None:
    """Everything else is answered soon."""
    assert not defaults(name, body).slow
