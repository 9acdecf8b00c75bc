"""Types of the API: events.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from pushserver.client.types.subscriptions import EventSelector


class StreamEventsQuery(TypedDict):
    """The query of `streamEvents`."""

    events: NotRequired[EventSelector | Sequence[EventSelector] | None]
    """Only these, or families of them; left out, all."""
    deviceId: NotRequired[str | Sequence[str] | None]
    """Only those of these devices."""
    tag: NotRequired[str | Sequence[str] | None]
    """
    Those of devices with this tag, `key:value`; of several values of a key, one. Left
    out, it is `()`.
    """
