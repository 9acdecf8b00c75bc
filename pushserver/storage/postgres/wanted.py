"""What a round has to know first: the time, what is wanted, which lanes moved."""

from collections.abc import Collection, Sequence

import attrs

from pushserver.model.event import EventType, Interest
from pushserver.storage.postgres.hours import INSTANT, Hours
from pushserver.storage.postgres.link import Link

# Read within the transaction, so that all servers write the same events; and after the
# devices are locked, so that the versions of their lanes are the last ones.
_ASK = (
    f"SELECT {INSTANT}, wanted.scope_id, wanted.types, NULL, NULL"
    " FROM (VALUES (1)) AS once"
    " LEFT JOIN (SELECT DISTINCT scope_id, events AS types FROM subscription"
    " WHERE health <> 'disabled' UNION SELECT scope_id, type FROM interest)"
    " AS wanted ON TRUE"
    " UNION ALL SELECT 0, NULL, trail, device_id, version FROM lane"
    " WHERE device_id = ANY(CAST(? AS BIGINT[]))"
)


@attrs.frozen
class Beginning:
    """`offset` is what `Hours` hear; `versions` and `trails` are those of the lanes."""

    offset: int
    interest: Interest
    versions: dict[int, int]
    trails: dict[int, str]


def begin(
    link: Link, hours: Hours, interest: Interest, device_ids: Sequence[int]
) -> Beginning:
    """Ask for all of it at once; what is wanted on this server is *interest*."""
    wanted = {scope_id: set(types) for scope_id, types in interest.items()}
    told = 0
    versions: dict[int, int] = {}
    trails: dict[int, str] = {}
    ids = array(device_ids)
    for instant, scope_id, text, device_id, version in link.execute(_ASK, (ids,)):
        told = max(told, int(instant))
        if scope_id is not None:
            wanted.setdefault(scope_id, set()).update(map(EventType, text.split()))
        if device_id is not None:
            versions[device_id], trails[device_id] = version, text
    return Beginning(hours.offset(told), wanted, versions, trails)


def array(numbers: Collection[int]) -> str:
    """Return numbers as PostgreSQL reads an array."""
    return f"{{{','.join(map(str, numbers))}}}"
