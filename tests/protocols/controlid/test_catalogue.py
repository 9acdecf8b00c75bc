"""What is known of the endpoints."""

import pytest

from pushserver.model.guarantee import (
    DAY_SECONDS,
    UNLISTED,
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


def test_expiry() -> None:
    """A door action makes sense for half a minute, everything else for a day."""
    others = {
        e.expires_in for name, e in CATALOGUE.items() if name != "execute_actions"
    }

    assert 30 == defaults("execute_actions").expires_in
    assert {DAY_SECONDS} == others
    assert DAY_SECONDS == UNLISTED.expires_in == 24 * 3600


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
