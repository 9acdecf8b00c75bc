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

#: A load whose body has this many characters of JSON is a large one.
LARGE_BODY = 65_536
#: Objects of which a device may have so many that loading them takes long.
_LARGE_OBJECTS = re.compile(r'"object"\s*:\s*"(?:\w+_logs|templates)"')

_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE)
_SLOW_AT_LEAST_ONCE = EndpointDefaults(DeliveryGuarantee.AT_LEAST_ONCE, slow=True)

# What acts at the moment makes no sense later: the seconds for which it still does.
# Somebody stands before the door, sees the light, hears the buzzer or the telephone.
_FOR_WHO_IS_THERE = EndpointDefaults(expires_in=30)
# The body is a time, which passes.
_FOR_THIS_TIME = EndpointDefaults(expires_in=30)
# To be read by who is there, and to end an enrolment that somebody gave up.
_SOON = EndpointDefaults(expires_in=60)
# The person waits at the terminal, and may need a moment to get there.
_FOR_WHO_COMES = EndpointDefaults(expires_in=120, slow=True)
# For the state in which the terminal is now; it polls every minute at the latest. Those
# that waited would run one after the other when it is back.
_FOR_THIS_STATE = EndpointDefaults(expires_in=300)

#: Every other endpoint is UNLISTED, also those that change a state that lasts, such as
#: `reset_to_factory_default`, `set_system_network` and `change_login`: whoever orders
#: them wants them whenever the terminal comes, and a day is enough for that.
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
        "execute_actions": _FOR_WHO_IS_THERE,
        "remote_user_authorization": _FOR_WHO_IS_THERE,
        "remote_led_control": _FOR_WHO_IS_THERE,
        "buzzer_buzz": _FOR_WHO_IS_THERE,
        "make_sip_call": _FOR_WHO_IS_THERE,
        "finalize_sip_call": _FOR_WHO_IS_THERE,
        "set_system_time": _FOR_THIS_TIME,
        "message_to_screen": _SOON,
        "cancel_remote_enroll": _SOON,
        "remote_enroll": _FOR_WHO_COMES,
        "reboot": _FOR_THIS_STATE,
        "reboot_recovery": _FOR_THIS_STATE,
    }
)

#: What opens a door, a turnstile or a lock, whatever is in the body: of actions, too,
#: that this list was written before.
_DOOR_ENDPOINTS = frozenset({"execute_actions", "remote_user_authorization"})


def opens_door(order: Order) -> bool:
    """Tell whether a terminal may open something; they may read names leniently."""
    return order.endpoint.casefold() in _DOOR_ENDPOINTS


def endpoint_defaults(order: Order) -> EndpointDefaults:
    """Return the defaults of the order's endpoint; a large load is slow."""
    defaults, body = CATALOGUE.get(order.endpoint, UNLISTED), order.body or ""
    is_large = (
        order.blob is not None
        or len(body) >= LARGE_BODY
        or (
            order.endpoint == "load_objects" and _LARGE_OBJECTS.search(body) is not None
        )
    )
    if defaults.slow or not is_large:
        return defaults
    return attrs.evolve(defaults, slow=True)
