"""Delivery guarantees, and the defaults of the commands of an endpoint."""

import enum

import attrs

DAY_SECONDS = 86_400
#: Seconds of grace for slow commands.
SLOW_GRACE_SECONDS = 60


class DeliveryGuarantee(enum.StrEnum):
    """How often a command may be handed out."""

    AT_LEAST_ONCE = "atLeastOnce"
    AT_MOST_ONCE = "atMostOnce"


@attrs.frozen
class EndpointDefaults:
    """
    How a command for one endpoint is treated unless its request says otherwise.

    `expires_in` is in seconds. A *slow* command has more time before the device's next
    poll means that the answer or the result was lost.
    """

    guarantee: DeliveryGuarantee = DeliveryGuarantee.AT_MOST_ONCE
    expires_in: int = DAY_SECONDS
    slow: bool = False


#: For unknown endpoints: at most once, within a day.
UNLISTED = EndpointDefaults()
