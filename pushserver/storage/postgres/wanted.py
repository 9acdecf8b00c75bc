"""What a round has to know first: the time, what is wanted, which lanes moved."""

from collections.abc import Collection, Sequence

import attrs

from pushserver.model.event import EventType, Interest
from pushserver.storage.postgres.hours import INSTANT, Hours
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.summaries import Summary

# Read within the transaction, so that all servers write the same events; and after the
# devices are locked, so that the summaries of their lanes are the last ones.
_ASK = (
    f"SELECT {INSTANT}, wanted.scope_id, wanted.types, NULL, NULL, NULL, NULL"
    " FROM (VALUES (1)) AS once"
    " LEFT JOIN (SELECT DISTINCT scope_id, events AS types FROM subscription"
    " WHERE health <> 'disabled' UNION SELECT scope_id, type FROM interest)"
    " AS wanted ON TRUE"
    " UNION ALL SELECT 0, NULL, trail, device_id, version, live, unsure FROM lane"
    " WHERE device_id = ANY($1)"
)
_BEGIN = (
    "BEGIN; SELECT pg_advisory_xact_lock(id) FROM unnest(CAST('{ids}' AS BIGINT[]))"
    " AS id; EXECUTE {ask} ('{ids}')"
)


@attrs.frozen
class Beginning:
    """`offset` is what `Hours` hear; `summaries` are those of the lanes."""

    offset: int
    interest: Interest
    summaries: dict[int, Summary]


def begin(
    link: Link, hours: Hours, interest: Interest, device_ids: Sequence[int]
) -> Beginning:
    """
    Begin, lock the devices, and ask for all of it, in one trip.

    What is wanted on this server is *interest*. The ids are in order, so that no two
    rounds wait for each other.
    """
    wanted = {scope_id: set(types) for scope_id, types in interest.items()}
    summaries: dict[int, Summary] = {}
    told = 0
    ask = link.prepare("BIGINT[]", _ASK)
    rows = link.execute_all(_BEGIN.format(ask=ask, ids=array(device_ids)))
    for instant, scope_id, text, *lane in rows:
        told = max(told, int(instant))
        if scope_id is not None:
            wanted.setdefault(scope_id, set()).update(map(EventType, text.split()))
        device_id, version, live, unsure = lane
        if device_id is not None:
            summaries[device_id] = Summary(version, live, unsure, text)
    return Beginning(hours.offset(told), wanted, summaries)


def array(numbers: Collection[int]) -> str:
    """Return numbers as PostgreSQL reads an array."""
    return f"{{{','.join(map(str, numbers))}}}"
