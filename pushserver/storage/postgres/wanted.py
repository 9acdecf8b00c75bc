"""What a round has to know before it decides: the time, and which events are wanted."""

import attrs

from pushserver.model.event import EventType, Interest
from pushserver.storage.postgres.hours import INSTANT, Hours
from pushserver.storage.postgres.link import Link

# Read within the transaction, so that all servers write the same events.
_ASK = (
    f"SELECT {INSTANT}, wanted.scope_id, wanted.types FROM (VALUES (1)) AS once"
    " LEFT JOIN (SELECT DISTINCT scope_id, events AS types FROM subscription"
    " WHERE health <> 'disabled' UNION SELECT scope_id, type FROM interest)"
    " AS wanted ON TRUE"
)


@attrs.frozen
class Beginning:
    """`offset` is what `Hours` hear."""

    offset: int
    interest: Interest


def begin(link: Link, hours: Hours, interest: Interest) -> Beginning:
    """Ask for both at once; what is wanted on this server is *interest*."""
    wanted = {scope_id: set(types) for scope_id, types in interest.items()}
    told = 0
    for instant, scope_id, types in link.execute(_ASK):
        told = max(told, int(instant))
        if scope_id is not None:
            wanted.setdefault(scope_id, set()).update(map(EventType, types.split()))
    return Beginning(hours.offset(told), wanted)
