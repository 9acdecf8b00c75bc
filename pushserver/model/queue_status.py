"""How many commands a device has waiting, and which is in flight."""

import attrs


@attrs.frozen
class InFlightView:
    """A command that is with the device; instants are microseconds."""

    command_id: int
    endpoint: str
    sent_at: int
    delivered_at: int | None


@attrs.frozen
class QueueStatus:
    """How many commands are `waiting`, and what is `in_flight`."""

    waiting: int = 0
    in_flight: InFlightView | None = None


#: The status of an empty queue.
EMPTY_QUEUE = QueueStatus()
