"""A subscription: an application's URL, what it wants to hear of, and how it does."""

import base64
import enum
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

import attrs

from pushserver.clock import SECOND
from pushserver.model.event import EventType

_MINUTE = 60
_HOUR = 3600


class Format(enum.StrEnum):
    """In which body an event is told."""

    NATIVE = "native"
    IOTDA = "iotda"
    OCEANCONNECT = "oceanconnect"


#: What each format has a body for.
TELLS: Mapping[Format, frozenset[EventType]] = MappingProxyType(
    {
        Format.NATIVE: frozenset(EventType),
        Format.IOTDA: frozenset({EventType.COMMAND_STATUS}),
        Format.OCEANCONNECT: frozenset(
            {
                EventType.SHADOW_STATUS,
                EventType.UPGRADE_STATE,
                EventType.UPGRADE_RESULT,
            }
        ),
    }
)


class Health(enum.StrEnum):
    """
    Whether events are sent.

    PAUSED: it failed for long, is probed, and resumes by itself. DISABLED: somebody
    switched it off, or the receiver did with a 410.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class Profile(enum.StrEnum):
    """Which rules of retrying a subscription has."""

    STANDARD = "standard"
    HUAWEI = "huawei"


@attrs.frozen(kw_only=True)
class Retrying:
    """
    When a delivery is tried again, in seconds.

    After the last of the `waits` it is dead. After `pause_after` failures in a row,
    over at least `pause_for`, the receiver is left alone and probed every `probe`.
    `retried` are the statuses worth another try; None means every one.
    """

    waits: tuple[int, ...]
    pause_after: int
    pause_for: int
    probe: int
    retried: frozenset[int] | None = None


#: Standard Webhooks' waits, and those of Huawei's platforms (10 minutes in all).
RETRYING: Mapping[Profile, Retrying] = MappingProxyType(
    {
        Profile.STANDARD: Retrying(
            waits=(
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
        Profile.HUAWEI: Retrying(
            waits=(15, 15, 30, 60, 120, 120, 120, 120),
            pause_after=10,
            pause_for=0,
            probe=_MINUTE,
            retried=frozenset({501, 502, 503, 504}),
        ),
    }
)

#: How long the old secret signs, too, after a new one was made (microseconds).
ROTATION = 24 * _HOUR * SECOND
#: A receiver that is away is kept so many events, and those of so long.
BACKLOG = 100_000
BACKLOG_AGE = 3 * 24 * _HOUR * SECOND


@attrs.frozen(kw_only=True)
class Wanted:
    """Which events somebody wants to hear of; None means any device."""

    events: frozenset[EventType]
    device_ids: frozenset[int] | None = None
    tags: Mapping[str, str] | None = None


@attrs.define(kw_only=True, eq=False)
class Subscription:
    """
    Where events go. Instants are microseconds UTC.

    `device_ids` and `tags` None mean any. `cursor` is the last event that was looked
    at. `failures` are those in a row, `failing_since` when they began. `dropped` counts
    events that fell off its backlog.
    """

    id: int
    scope_id: int
    created_at: int
    url: str
    events: frozenset[EventType]
    format: Format
    secret: str
    app_id: str
    cursor: int
    device_ids: frozenset[int] | None = None
    tags: Mapping[str, str] | None = None
    ordered: bool = False
    headers: Mapping[str, str] = attrs.Factory(dict)
    description: str | None = None
    include_result: bool = False
    profile: Profile = Profile.STANDARD
    resource_name: str | None = None
    old_secret: str | None = None
    old_secret_until: int | None = None
    health: Health = Health.ACTIVE
    failures: int = 0
    failing_since: int | None = None
    dropped: int = 0
    last_success_at: int | None = None
    last_failure_at: int | None = None
    last_error: str | None = None

    @property
    def wanted(self) -> Wanted:
        """Which events it is told of."""
        return Wanted(events=self.events, device_ids=self.device_ids, tags=self.tags)

    @property
    def retrying(self) -> Retrying:
        """Its rules of trying again."""
        return RETRYING[self.profile]

    def take(self, fresh: Self, *, progress: bool) -> None:
        """
        Take over what somebody changed in *fresh*, the same subscription.

        How it does is taken over with *progress*, that it was switched always.
        """
        names = SETTINGS + (PROGRESS if progress else ())
        if Health.DISABLED in (self.health, fresh.health):
            names += SWITCHED
        for name in names:
            setattr(self, name, getattr(fresh, name))

    def secrets(self, now: int) -> list[str]:
        """Return what signs now: the secret, and the old one while it is replaced."""
        old = self.old_secret
        if old is None or now >= (self.old_secret_until or 0):
            return [self.secret]
        return [self.secret, old]


#: What is set by people, and by nothing that happens.
SETTINGS = (
    "url",
    "events",
    "secret",
    "app_id",
    "device_ids",
    "tags",
    "ordered",
    "headers",
    "description",
    "include_result",
    "profile",
    "resource_name",
    "old_secret",
    "old_secret_until",
)


#: What says how it does: only who delivers writes it.
PROGRESS = (
    "cursor",
    "health",
    "failures",
    "failing_since",
    "dropped",
    "last_success_at",
    "last_failure_at",
    "last_error",
)
#: Of that, what is set anew when somebody switches it off or on.
SWITCHED = ("health", "failures", "failing_since")


def new_webhook_secret() -> str:
    """Make a secret as Standard Webhooks has them: 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class DeliveryState(enum.StrEnum):
    """What became of telling one subscription of one event."""

    PENDING = "pending"  # tried, and to be tried again; or behind one that is
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; may be sent again


@attrs.frozen(kw_only=True)
class Attempt:
    """
    One try to deliver. `duration` is in microseconds.

    `status` and `answer` (its first 4 kB) are what the receiver said, `error` why that
    is no success.
    """

    at: int
    duration: int
    status: int | None = None
    answer: str | None = None
    error: str | None = None


@attrs.define(kw_only=True, eq=False)
class WebhookDelivery:
    """Telling one subscription of one event, and each try at it."""

    subscription_id: int
    event_id: int
    device_id: int | None
    state: DeliveryState
    next_at: int | None = None
    attempts: list[Attempt] = attrs.Factory(list)

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same at every try, and when it is sent again."""
        return f"msg_{self.event_id}_{self.subscription_id}"


@attrs.frozen
class Ping:
    """What a receiver said to a ping."""

    ok: bool
    attempt: Attempt
