"""The known endpoints: how each may be delivered, and how long it takes.

Reads and idempotent configuration may be handed out again if no answer comes. Commands
that act in the world, or are not listed, are never handed out twice.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from pushserver.model.guarantee import UNLISTED, DeliveryGuarantee, EndpointDefaults
from pushserver.model.order import Order

#: Seconds for which a door action still makes sense.
DOOR_EXPIRY_SECONDS = 30
#: A load whose body has this many characters of JSON is a large one.
LARGE_BODY = 65_536
#: Objects of which a device may have so many that loading them takes long.
_LARGE_OBJECTS = re.compile(r'"object"\s*:\s*"(?:\w+_logs|templates)"')

_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE)
_SLOW_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE, slow=True)
_SLOW_AT_MOST_ONCE = EndpointDefaults(slow=True)
_DOOR = EndpointDefaults(expires_in=DOOR_EXPIRY_SECONDS)

#: Every other endpoint is UNLISTED. `set_system_time` is left out on purpose: a second
#: hand-out would set a time in the past.
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


def endpoint_defaults(order: Order) -> EndpointDefaults:
    """Return the defaults of the order's endpoint; a large load is slow."""
    defaults, body = CATALOGUE.get(order.endpoint, UNLISTED), order.body or ""
    is_large = len(body) >= LARGE_BODY or (
        order.endpoint == "load_objects" and _LARGE_OBJECTS.search(body) is not None
    )
    if defaults.slow or not is_large:
        return defaults
    return attrs.evolve(defaults, slow=True)
