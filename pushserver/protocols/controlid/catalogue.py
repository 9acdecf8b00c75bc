"""What is known of the endpoints: how each may be delivered, and how long it takes.

Reading and idempotent configuration may be handed out again when no answer comes.
Whatever acts in the world, or is not listed, is never handed out twice.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from pushserver.model.guarantee import UNLISTED, DeliveryGuarantee, EndpointDefaults
from pushserver.model.order import Order

#: Seconds within which a door action still makes sense.
DOOR_EXPIRY_SECONDS = 30
#: Bodies from this size on (characters of JSON) make a load a large one.
LARGE_BODY = 65_536
#: Objects of which a device may hold very many, so that reading them takes long.
_LARGE_OBJECTS = re.compile(r'"object"\s*:\s*"(?:\w+_logs|templates)"')

_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE)
_SLOW_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE, slow=True)
_SLOW_AT_MOST_ONCE = EndpointDefaults(slow=True)
_DOOR = EndpointDefaults(expires_in=DOOR_EXPIRY_SECONDS)

#: Every other endpoint is UNLISTED. `set_system_time` is left out on purpose: handed
#: out again it would set a time that has passed.
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
    """Return the defaults for *order*: its endpoint's, and slow if its load is."""
    defaults = CATALOGUE.get(order.endpoint, UNLISTED)
    if defaults.slow or not _is_large(order):
        return defaults
    return attrs.evolve(defaults, slow=True)


def _is_large(order: Order) -> bool:
    """Tell whether a device may need long because of what the order carries."""
    if order.body is None:
        return False
    return len(order.body) >= LARGE_BODY or (
        order.endpoint == "load_objects"
        and _LARGE_OBJECTS.search(order.body) is not None
    )
