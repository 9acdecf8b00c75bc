"""What is known of the endpoints: how each may be delivered, and how long it takes.

Reading and idempotent configuration may be handed out again when no answer comes.
Whatever acts in the world, or is not listed, is never handed out twice.
"""

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

DAY_SECONDS = 86_400
#: Seconds within which a door action still makes sense.
DOOR_EXPIRY_SECONDS = 30
#: Seconds of grace for what a device may take long to answer.
SLOW_GRACE_SECONDS = 60


class DeliveryGuarantee(enum.StrEnum):
    """How often a command may be handed out."""

    AT_LEAST_ONCE = "atLeastOnce"
    AT_MOST_ONCE = "atMostOnce"


#: Bodies from this size on (characters of JSON) make a load a large one.
LARGE_BODY = 65_536
#: Objects of which a device may hold very many, so that reading them takes long.
_LARGE_OBJECTS = re.compile(r'"object"\s*:\s*"(?:\w+_logs|templates)"')


@attrs.frozen
class EndpointDefaults:
    """
    How commands for one endpoint are treated unless they say otherwise.

    `expires_in` is in seconds. A device is given longer to answer a *slow* one before
    its next poll is taken for a sign that the answer or the result was lost.
    """

    guarantee: DeliveryGuarantee = DeliveryGuarantee.AT_MOST_ONCE
    expires_in: int = DAY_SECONDS
    slow: bool = False


_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE)
_SLOW_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE, slow=True)
_SLOW_AT_MOST_ONCE = EndpointDefaults(slow=True)
_DOOR = EndpointDefaults(expires_in=DOOR_EXPIRY_SECONDS)

UNLISTED = EndpointDefaults()

#: Every other endpoint is UNKNOWN: at most once, within a day. `set_system_time` is
#: left out on purpose: handed out again it would set a time that has passed.
CATALOGUE: Mapping[str, EndpointDefaults] = MappingProxyType(
    {
        "load_objects": _AT_LEAST_ONCE,
        "create_or_modify_objects": _AT_LEAST_ONCE,
        "modify_objects": _AT_LEAST_ONCE,
        "destroy_objects": _AT_LEAST_ONCE,
        "get_configuration": _AT_LEAST_ONCE,
        "set_configuration": _AT_LEAST_ONCE,
        "system_information": _AT_LEAST_ONCE,
        "user_get_image": _AT_LEAST_ONCE,
        "user_set_image": _AT_LEAST_ONCE,
        "user_destroy_image": _AT_LEAST_ONCE,
        "user_list_images": _SLOW_AT_LEAST_ONCE,
        "user_get_image_list": _SLOW_AT_LEAST_ONCE,
        "user_set_image_list": _SLOW_AT_LEAST_ONCE,
        "report_generate": _SLOW_AT_LEAST_ONCE,
        "remote_enroll": _SLOW_AT_MOST_ONCE,
        "execute_actions": _DOOR,
    }
)


def endpoint_defaults(endpoint: str) -> EndpointDefaults:
    """Return what is known of the endpoint called *endpoint*."""
    return CATALOGUE.get(endpoint, UNLISTED)


def is_slow(endpoint: str, body: str | None) -> bool:
    """Tell whether a device may need long for this endpoint with this JSON body."""
    if CATALOGUE.get(endpoint, UNLISTED).slow:
        return True
    if body is None:
        return False
    return len(body) >= LARGE_BODY or (
        endpoint == "load_objects" and _LARGE_OBJECTS.search(body) is not None
    )
