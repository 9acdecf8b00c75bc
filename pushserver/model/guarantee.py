"""How often a command may be handed out, and what an endpoint's commands default to."""

import enum

import attrs

DAY_SECONDS = 86_400
#: Seconds of grace for what a device may take long to answer.
SLOW_GRACE_SECONDS = 60


class DeliveryGuarantee(enum.StrEnum):
    """How often a command may be handed out."""

    AT_LEAST_ONCE = "atLeastOnce"
    AT_MOST_ONCE = "atMostOnce"


@attrs.frozen
class EndpointDefaults:
    """
    How a command for one endpoint is treated unless its request says otherwise.

    `expires_in` is in seconds. A device is given longer to answer a *slow* command
    before its next poll is taken for a sign that the answer or the result was lost.
    """

    guarantee: DeliveryGuarantee = DeliveryGuarantee.AT_MOST_ONCE
    expires_in: int = DAY_SECONDS
    slow: bool = False


#: For endpoints of which nothing is known: at most once, within a day.
UNLISTED = EndpointDefaults()
