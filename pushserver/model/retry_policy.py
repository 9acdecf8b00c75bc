"""The retry policies of webhooks: the delays before each retry, and when to pause."""

import enum
from collections.abc import Mapping
from types import MappingProxyType

import attrs

_MINUTE = 60
_HOUR = 3600


class RetryProfile(enum.StrEnum):
    """The retry policies that a subscription can choose from."""

    STANDARD = "standard"
    HUAWEI = "huawei"


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """
    When a failed delivery is retried, in seconds.

    `delays` are those before each retry; after the last one the delivery is dead. After
    `pause_after` failures in a row, over at least `pause_for`, the receiver is paused
    and probed every `probe`. Only `retry_statuses` are retried; None means all.
    """

    delays: tuple[int, ...]
    pause_after: int
    pause_for: int
    probe: int
    retry_statuses: frozenset[int] | None = None


#: The delays of Standard Webhooks, and those of Huawei's platforms: 10 minutes in all.
RETRY_POLICIES: Mapping[RetryProfile, RetryPolicy] = MappingProxyType(
    {
        RetryProfile.STANDARD: RetryPolicy(
            delays=(
                5,
                5 * _MINUTE,
                30 * _MINUTE,
                2 * _HOUR,
                5 * _HOUR,
                10 * _HOUR,
                14 * _HOUR,
                20 * _HOUR,
                24 * _HOUR,
            ),
            pause_after=20,
            pause_for=5 * _MINUTE,
            probe=_MINUTE,
        ),
        RetryProfile.HUAWEI: RetryPolicy(
            delays=(15, 15, 30, 60, 120, 120, 120, 120),
            pause_after=10,
            pause_for=0,
            probe=_MINUTE,
            retry_statuses=frozenset({501, 502, 503, 504}),
        ),
    }
)
