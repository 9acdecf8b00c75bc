"""Subscriptions: a URL, the events posted to it, and the health of its receiver."""

import base64
import enum
import secrets
from collections.abc import Mapping
from typing import Self, assert_never

import attrs

from pushserver.clock import SECOND
from pushserver.model.actor import NOBODY, Actor
from pushserver.model.event import EventType
from pushserver.model.retry_policy import RETRY_POLICIES, RetryPolicy, RetryProfile
from pushserver.model.tag_filter import TagFilter
from pushserver.model.token import Permission, Token

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

    PAUSED: it failed for long; it is probed, and resumes when a probe succeeds.
    DISABLED: somebody switched it off, or its receiver answered 410.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


#: How long the old secret also signs after a new one was made (microseconds).
SECRET_OVERLAP = 24 * _HOUR * SECOND
#: The most events, and the oldest, that are kept for a receiver that is away.
MAX_BACKLOG = 100_000
MAX_BACKLOG_AGE = 3 * 24 * _HOUR * SECOND
#: The most that are kept for all receivers of a scope.
MAX_SCOPE_BACKLOG = 1_000_000


#: The permissions that decide what of an event is sent.
READABLE = frozenset(
    {
        Permission.RESULTS_READ,
        Permission.COMMANDS_READ,
        Permission.OPERATIONS_READ,
        Permission.DEVICES_READ,
    }
)


def what_token_reads(token: Token) -> frozenset[Permission]:
    """Return what of events the token may read."""
    return frozenset(filter(token.has_permission, READABLE))


@attrs.frozen(kw_only=True)
class SubscriptionFilter:
    """Which events match; None means any device, or any tags."""

    event_types: frozenset[EventType]
    device_ids: frozenset[int] | None = None
    tags: TagFilter | None = None


@attrs.define(kw_only=True, eq=False)
class Subscription:
    """
    Where events go. Instants are microseconds UTC.

    `device_ids` and `tags` None mean any; the values of tags are sets, so that equal
    filters are equal. `cursor` is the last event that was read.
    `failures` counts the failures in a row, which began at `failing_since`. `dropped`
    counts the events that were trimmed from its backlog. `may_read` is what whoever
    made and changed it may read, of `READABLE`; None if that is not known: all.
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
    tags: TagFilter | None = None
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
    created_by: Actor = NOBODY
    may_read: frozenset[Permission] | None = None

    def shows(self, permission: Permission) -> bool:
        """Tell whether what this permission lets one read is sent."""
        return self.may_read is None or permission in self.may_read

    @property
    def shown(self) -> frozenset[Permission]:
        """The permissions whose part of events is sent."""
        return frozenset(filter(self.shows, READABLE))

    @property
    def event_filter(self) -> SubscriptionFilter:
        """The events that are posted to it."""
        return SubscriptionFilter(
            event_types=self.events, device_ids=self.device_ids, tags=self.tags
        )

    @property
    def retry_policy(self) -> RetryPolicy:
        """When its failed deliveries are retried."""
        return RETRY_POLICIES[self.profile]

    def merge_from(self, updated: Self, *, with_progress: bool) -> None:
        """
        Copy the settings of *updated*, a newer version of this subscription.

        Its progress is copied only if *with_progress*, but a switch off or on always.
        """
        names = SETTING_FIELDS + (PROGRESS_FIELDS if with_progress else ())
        if SubscriptionHealth.DISABLED in (self.health, updated.health):
            names += SWITCH_FIELDS
        for name in names:
            setattr(self, name, getattr(updated, name))

    def signing_secrets(self, now: int) -> list[str]:
        """Return the secrets that sign now: during a change also the old one."""
        old_secret = self.old_secret
        if old_secret is None or now >= (self.old_secret_until or 0):
            return [self.secret]
        return [self.secret, old_secret]


#: Set by people only.
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
    "may_read",
    "profile",
    "resource_name",
    "old_secret",
    "old_secret_until",
)


#: Progress and health: written only by the server that delivers.
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
#: Those of them that are reset when somebody switches it off or on.
SWITCH_FIELDS = ("health", "failures", "failing_since")


def new_webhook_secret() -> str:
    """Make a secret of 256 random bits in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookState(enum.StrEnum):
    """How far the delivery of one event to one subscription is."""

    PENDING = "pending"  # will be retried, or is queued behind one that will
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; somebody may retry it


@attrs.frozen(kw_only=True)
class WebhookAttempt:
    """
    One attempt to deliver. `duration` is in microseconds.

    `status` and `answer` (the first 4 kB of the body) are the receiver's; `error` says
    why the attempt failed.
    """

    at: int
    duration: int
    status: int | None = None
    answer: str | None = None
    error: str | None = None


@attrs.define(kw_only=True, eq=False)
class WebhookDelivery:
    """The delivery of one event to one subscription, with its attempts."""

    subscription_id: int
    event_id: int
    device_id: int | None
    state: WebhookState
    next_attempt_at: int | None = None
    attempts: list[WebhookAttempt] = attrs.Factory(list)

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same in every attempt and retry."""
        return f"msg_{self.event_id}_{self.subscription_id}"


@attrs.frozen
class PingResult:
    """How a receiver answered a ping."""

    ok: bool
    attempt: WebhookAttempt
