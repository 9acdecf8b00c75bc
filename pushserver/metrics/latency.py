"""How long things took, as it is kept for a day or so."""

import enum
from collections.abc import Mapping

import attrs


class LatencyKind(enum.StrEnum):
    """What took so long."""

    ENQUEUE_TO_DEVICE = "enqueueToDevice"
    DEVICE_TO_RESULT = "deviceToResult"
    COMMIT = "commit"
    LOOP_LAG = "loopLag"


@attrs.frozen
class LatencyRecord:
    """
    What a server measured of one kind in about a minute, which ended at `at`.

    `server` is the id that it gave itself at its start. `buckets` has how many were in
    which bucket of `DURATION_BOUNDS`, but the empty ones.
    """

    at: int
    server: int
    kind: LatencyKind
    buckets: Mapping[int, int]
