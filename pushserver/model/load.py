"""What a device has to do."""

import attrs


@attrs.frozen
class Flying:
    """A command that is with the device; instants are microseconds."""

    command_id: int
    endpoint: str
    sent_at: int
    delivered_at: int | None


@attrs.frozen
class Load:
    """How many commands are `waiting`, and what is `flying`."""

    waiting: int = 0
    flying: Flying | None = None


#: What a device has to do for which there is nothing.
NOTHING = Load()
