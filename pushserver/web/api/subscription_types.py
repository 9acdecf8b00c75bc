"""The JSON of subscriptions, their deliveries and events, as types."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pushserver.model.event import EventType
from pushserver.model.retry_policy import RetryProfile
from pushserver.model.subscription import (
    SubscriptionHealth,
    WebhookFormat,
    WebhookState,
)
from pushserver.web.api.event_names import EVENT_NAMES
from pushserver.web.api.types import (
    ActorOut,
    DeviceIdText,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
)

Url = Annotated[str, Meta(min_length=1, max_length=2000)]
EventName = Annotated[str, Meta(extra_json_schema={"enum": [*EVENT_NAMES]})]
EventNames = Annotated[list[EventName], Meta(min_length=1)]
WebhookHeaders = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}(?![\s\S])")],
        Annotated[str, Meta(max_length=1000, pattern=r"^[ -~]*(?![\s\S])")],
    ],
    Meta(max_length=20),
]
Text = Annotated[str, Meta(max_length=200)]
DeviceIdFilter = Annotated[list[int | str], Meta(min_length=1, max_length=10_000)]
TagFilter = Annotated[dict[str, str], Meta(min_length=1)]
Include = list[Literal["result"]]


class SubscriptionIn(In, kw_only=True):
    """A subscription to be made."""

    url: Url
    events: EventNames
    format: WebhookFormat = WebhookFormat.NATIVE
    device_ids: DeviceIdFilter | None = None
    tags: TagFilter | None = None
    ordered: bool | None = None
    headers: WebhookHeaders | None = None
    description: Text | None = None
    include: Include | None = None
    retry_profile: RetryProfile = RetryProfile.STANDARD
    resource_name: Text | None = None
    app_id: Text | None = None


class SubscriptionPatch(In, kw_only=True):
    """What is to be changed of a subscription; null takes a filter away."""

    url: Url | UnsetType = UNSET
    events: EventNames | UnsetType = UNSET
    device_ids: DeviceIdFilter | UnsetType | None = UNSET
    tags: TagFilter | UnsetType | None = UNSET
    ordered: bool | UnsetType = UNSET
    headers: WebhookHeaders | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    include: Include | UnsetType = UNSET
    retry_profile: RetryProfile | UnsetType = UNSET
    resource_name: Text | UnsetType | None = UNSET
    app_id: Text | UnsetType = UNSET


class BacklogOut(Out):
    """What a subscription has before it."""

    pending: int
    dead: int
    unread: int
    dropped: int


class SubscriptionOut(Out, kw_only=True):
    """A subscription; `secret` is there once, when it is made or rotated."""

    id: str
    url: str
    events: list[EventName]
    format: WebhookFormat
    device_ids: list[str] | None = None
    tags: dict[str, str] | None = None
    ordered: bool
    headers: dict[str, str]
    description: str | None = None
    include: list[str]
    retry_profile: RetryProfile
    resource_name: str | None = None
    app_id: str
    state: SubscriptionHealth
    created_at: Instant
    created_by: ActorOut | None = None
    failures: int
    failing_since: Instant | None = None
    last_success_at: Instant | None = None
    last_failure_at: Instant | None = None
    last_error: str | None = None
    backlog: BacklogOut
    secret: str | None = None


class SubscriptionsOut(Out):
    """Every subscription of the scope, oldest first."""

    items: list[SubscriptionOut]


class AttemptOut(Out, kw_only=True):
    """One try to deliver; `duration` is in seconds."""

    at: Instant
    duration: float
    status: int | None = None
    answer: str | None = None
    error: str | None = None


class WebhookDeliveryOut(Out, kw_only=True):
    """What became of telling one event; `id` is the event's."""

    id: str
    webhook_id: str
    type: EventType | None = None
    device_id: str | None = None
    event_at: Instant | None = None
    state: WebhookState
    next_at: Instant | None = None
    attempts: list[AttemptOut]


class WebhookDeliveriesOut(PageOut[WebhookDeliveryOut], kw_only=True):
    """A page of deliveries, newest events first."""


class WebhookDeliveriesQuery(In, kw_only=True):
    """Filters of a list of deliveries."""

    state: WebhookState | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None


class RecoverIn(In):
    """From when on what was given up is sent again."""

    since: Annotated[datetime, Meta(tz=True)]


class RecoverOut(Out):
    """How many deliveries are sent again."""

    recovered: int


class PingOut(Out, kw_only=True):
    """What the receiver said to a ping."""

    ok: bool
    attempt: AttemptOut


class EventsQuery(In, kw_only=True):
    """Which events a stream tells; none named: all."""

    events: list[EventType] = msgspec.field(default_factory=list)
    device_id: list[DeviceIdText] = msgspec.field(default_factory=list)
    tag: str | None = None
    last_event_id: Int64Text | None = None
