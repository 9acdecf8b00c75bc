"""A subscription: an application's URL, what it wants to hear of, and how it does."""

import base64
import enum
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self, assert_never

import attrs

from pushserver.clock import SECOND
from pushserver.model.event import EventType

_MINUTE = 60
_HOUR = 3600


class WebhookFormat(enum.StrEnum):
    """The form of the body in which an event is sent."""

    NATIVE = "native"
    IOTDA = "iotda"
    OCEANCONNECT = "oceanconnect"

    @property
    def event_types(self) -> frozenset[EventType]:
        """The events that have a body in this format."""
        match self:
            case WebhookFormat.NATIVE:
                return frozenset(EventType)
            case WebhookFormat.IOTDA:
                return frozenset({EventType.COMMAND_STATUS})
            case WebhookFormat.OCEANCONNECT:
                return frozenset(
                    {
                        EventType.SHADOW_STATUS,
                        EventType.UPGRADE_STATE,
                        EventType.UPGRADE_RESULT,
                    }
                )
            case _:
                assert_never(self)


class SubscriptionHealth(enum.StrEnum):
    """
    Whether events are sent.

    PAUSED: it failed for long, is probed, and resumes by itself. DISABLED: somebody
    switched it off, or the receiver did with a 410.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class RetryProfile(enum.StrEnum):
    """Which rules of retrying a subscription has."""

    STANDARD = "standard"
    HUAWEI = "huawei"


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """
    When a delivery is tried again, in seconds.

    After the last of the `delays` it is dead. After `pause_after` failures in a row,
    over at least `pause_for`, the receiver is left alone and probed every `probe`.
    `retry_statuses` are the statuses worth another try; None means every one.
    """

    delays: tuple[int, ...]
    pause_after: int
    pause_for: int
    probe: int
    retry_statuses: frozenset[int] | None = None


#: Standard Webhooks' waits, and those of Huawei's platforms (10 minutes in all).
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

#: How long the old secret signs, too, after a new one was made (microseconds).
SECRET_OVERLAP = 24 * _HOUR * SECOND
#: A receiver that is away is kept so many events, and those of so long.
MAX_BACKLOG = 100_000
MAX_BACKLOG_AGE = 3 * 24 * _HOUR * SECOND


@attrs.frozen(kw_only=True)
class SubscriptionFilter:
    """Which events somebody wants to hear of; None means any device."""

    event_types: frozenset[EventType]
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
    format: WebhookFormat
    secret: str
    app_id: str
    cursor: int
    device_ids: frozenset[int] | None = None
    tags: Mapping[str, str] | None = None
    ordered: bool = False
    headers: Mapping[str, str] = attrs.Factory(dict)
    description: str | None = None
    include_result: bool = False
    profile: RetryProfile = RetryProfile.STANDARD
    resource_name: str | None = None
    old_secret: str | None = None
    old_secret_until: int | None = None
    health: SubscriptionHealth = SubscriptionHealth.ACTIVE
    failures: int = 0
    failing_since: int | None = None
    dropped: int = 0
    last_success_at: int | None = None
    last_failure_at: int | None = None
    last_error: str | None = None

    @property
    def event_filter(self) -> SubscriptionFilter:
        """Which events it is told of."""
        return SubscriptionFilter(
            event_types=self.events, device_ids=self.device_ids, tags=self.tags
        )

    @property
    def retry_policy(self) -> RetryPolicy:
        """Its rules of trying again."""
        return RETRY_POLICIES[self.profile]

    def merge_from(self, updated: Self, *, with_progress: bool) -> None:
        """
        Take over what somebody changed in *updated*, the same subscription.

        How it does is taken over with *with_progress*, that it was switched always.
        """
        names = SETTING_FIELDS + (PROGRESS_FIELDS if with_progress else ())
        if SubscriptionHealth.DISABLED in (self.health, updated.health):
            names += SWITCH_FIELDS
        for name in names:
            setattr(self, name, getattr(updated, name))

    def signing_secrets(self, now: int) -> list[str]:
        """Return what signs now: the secret, and the old one while it is replaced."""
        old_secret = self.old_secret
        if old_secret is None or now >= (self.old_secret_until or 0):
            return [self.secret]
        return [self.secret, old_secret]


#: What is set by people, and by nothing that happens.
SETTING_FIELDS = (
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
PROGRESS_FIELDS = (
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
SWITCH_FIELDS = ("health", "failures", "failing_since")


def new_webhook_secret() -> str:
    """Make a secret as Standard Webhooks has them: 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookState(enum.StrEnum):
    """What became of telling one subscription of one event."""

    PENDING = "pending"  # tried, and to be tried again; or behind one that is
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; may be sent again


@attrs.frozen(kw_only=True)
class WebhookAttempt:
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
    state: WebhookState
    next_attempt_at: int | None = None
    attempts: list[WebhookAttempt] = attrs.Factory(list)

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same at every try, and when it is sent again."""
        return f"msg_{self.event_id}_{self.subscription_id}"


@attrs.frozen
class PingResult:
    """What a receiver said to a ping."""

    ok: bool
    attempt: WebhookAttempt
