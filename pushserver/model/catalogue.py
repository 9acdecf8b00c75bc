"""What is known of the endpoints: how each may be delivered, and how long it takes.

Reading and idempotent configuration may be handed out again when no answer comes.
Whatever acts in the world, or is not listed, is never handed out twice.
"""

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

DAY = 86_400
#: Seconds within which a door action still makes sense.
DOOR_EXPIRY = 30
#: Seconds of grace for what a device may take long to answer.
SLOW_GRACE = 60


class Delivery(enum.StrEnum):
    """How often a command may be handed out."""

    AT_LEAST_ONCE = "atLeastOnce"
    AT_MOST_ONCE = "atMostOnce"


#: Bodies from this size on (characters of JSON) make a load a large one.
LARGE_BODY = 65_536
#: Objects of which a device may hold very many, so that reading them takes long.
_LARGE_OBJECTS = re.compile(r'"object"\s*:\s*"(?:\w+_logs|templates)"')


@attrs.frozen
class Endpoint:
    """
    How commands for one endpoint are treated unless they say otherwise.

    `expires_in` is in seconds. A device is given longer to answer a *slow* one before
    its next poll is taken for a sign that the answer or the result was lost.
    """

    delivery: Delivery = Delivery.AT_MOST_ONCE
    expires_in: int = DAY
    slow: bool = False


_AGAIN = Endpoint(Delivery.AT_LEAST_ONCE)
_SLOW_AGAIN = Endpoint(Delivery.AT_LEAST_ONCE, slow=True)
_SLOW_ONCE = Endpoint(slow=True)
_DOOR = Endpoint(expires_in=DOOR_EXPIRY)

UNKNOWN = Endpoint()

#: Every other endpoint is UNKNOWN: at most once, within a day. `set_system_time` is
#: left out on purpose: handed out again it would set a time that has passed.
CATALOGUE: Mapping[str, Endpoint] = MappingProxyType(
    {
        "load_objects": _AGAIN,
        "create_or_modify_objects": _AGAIN,
        "modify_objects": _AGAIN,
        "destroy_objects": _AGAIN,
        "get_configuration": _AGAIN,
        "set_configuration": _AGAIN,
        "system_information": _AGAIN,
        "user_get_image": _AGAIN,
        "user_set_image": _AGAIN,
        "user_destroy_image": _AGAIN,
        "user_list_images": _SLOW_AGAIN,
        "user_get_image_list": _SLOW_AGAIN,
        "user_set_image_list": _SLOW_AGAIN,
        "report_generate": _SLOW_AGAIN,
        "remote_enroll": _SLOW_ONCE,
        "execute_actions": _DOOR,
    }
)


def endpoint_named(name: str) -> Endpoint:
    """Return what is known of the endpoint called *name*."""
    return CATALOGUE.get(name, UNKNOWN)


def is_slow(name: str, body: str | None) -> bool:
    """Tell whether a device may need long for this endpoint with this JSON body."""
    if endpoint_named(name).slow:
        return True
    if body is None:
        return False
    return len(body) >= LARGE_BODY or (
        name == "load_objects" and _LARGE_OBJECTS.search(body) is not None
    )
