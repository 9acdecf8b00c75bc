"""The JSON of subscriptions, their deliveries and events, as types."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pushserver.model.retry_policy import RetryProfile
from pushserver.model.subscription import (
    SubscriptionHealth,
    WebhookFormat,
)
from pushserver.web.api.device_types import TagFilters
from pushserver.web.api.event_names import EVENT_NAMES, EVENT_PATTERNS
from pushserver.web.api.types import (
    MAX_ITEMS,
    ActorOut,
    DeviceIdIn,
    DeviceIdText,
    In,
    Instant,
    Int64Text,
    Out,
    TagKey,
    TagValue,
)
from pushserver.web.field_types import PATTERN_WORDS

Url = Annotated[
    str,
    # Not checked as a pattern: whoever gets it wrong is told what is missing.
    Meta(
        min_length=1,
        max_length=2000,
        extra_json_schema={"pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
    ),
]
EventName = Annotated[
    str,
    Meta(
        title="EventName",
        description="What happened; OceanConnect has names of its own.",
        extra_json_schema={"enum": [*EVENT_NAMES]},
    ),
]
EventSelector = Annotated[
    str,
    Meta(
        title="EventSelector",
        description="An event, a family of them (`command.*`), or all (`*`).",
        extra_json_schema={"enum": [*EVENT_NAMES, *EVENT_PATTERNS]},
    ),
]
EventNames = Annotated[list[EventSelector], Meta(min_length=1, max_length=MAX_ITEMS)]
WebhookHeaders = Annotated[
    dict[
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9-]{1,64}(?![\s\S])",
                extra={PATTERN_WORDS: "1 to 64 letters, digits and hyphens"},
            ),
        ],
        Annotated[
            str,
            Meta(
                max_length=1000,
                pattern=r"^[ -~]*(?![\s\S])",
                extra={PATTERN_WORDS: "text in ASCII without control characters"},
            ),
        ],
    ],
    Meta(max_length=20),
]
Text = Annotated[str, Meta(max_length=200)]
#: The most devices of a filter: those of all tokens and subscriptions are in memory.
MAX_DEVICE_IDS = 1000
DeviceIdFilter = Annotated[
    list[DeviceIdIn], Meta(min_length=1, max_length=MAX_DEVICE_IDS)
]
#: One value may be given without its list, too.
TagValues = Annotated[
    TagValue | Annotated[list[TagValue], Meta(min_length=1, max_length=MAX_ITEMS)],
    Meta(
        extra_json_schema={
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": MAX_ITEMS,
        }
    ),
]
TagFilterIn = Annotated[
    dict[TagKey, TagValues], Meta(min_length=1, max_length=MAX_ITEMS)
]
Include = Annotated[list[Literal["result"]], Meta(max_length=MAX_ITEMS)]


class SubscriptionIn(In, kw_only=True):
    """A subscription to be made."""

    url: Url
    """Where events are posted to."""
    events: EventNames
    """Which events; those of OceanConnect have its own names, too."""
    format: WebhookFormat = WebhookFormat.NATIVE
    """The form of what is posted."""
    device_ids: DeviceIdFilter | None = None
    """Only those of these devices."""
    tags: TagFilterIn | None = None
    """Only those of devices that have, of each of these keys, one of its values."""
    ordered: bool | None = None
    """Whether events of a device wait for earlier ones; else the format decides."""
    headers: WebhookHeaders | None = None
    """Headers of yours that are sent along."""
    description: Text | None = None
    """What it is for."""
    include: Include | None = None
    """What is posted besides: `result`, what devices answered."""
    retry_profile: RetryProfile = RetryProfile.STANDARD
    """How long, and how often, what failed is sent again."""
    resource_name: Text | None = None
    """The `resource` in the format `iotda`."""
    app_id: Text | None = None
    """The `app_id` that platforms send; left out, the scope's id."""


class SubscriptionPatch(In, kw_only=True):
    """What is to be changed of a subscription; null takes a filter away."""

    url: Url | UnsetType = UNSET
    """Where events are posted to."""
    events: EventNames | UnsetType = UNSET
    """Which events; those of OceanConnect have its own names, too."""
    device_ids: DeviceIdFilter | UnsetType | None = UNSET
    """Only those of these devices; null: of all."""
    tags: TagFilterIn | UnsetType | None = UNSET
    """Only those of devices with one of the values of each key; null: of all."""
    ordered: bool | UnsetType = UNSET
    """Whether events of a device wait for earlier ones."""
    headers: WebhookHeaders | UnsetType = UNSET
    """Headers of yours that are sent along."""
    description: Text | UnsetType | None = UNSET
    """What it is for; null: nothing."""
    include: Include | UnsetType = UNSET
    """What is posted besides: `result`, what devices answered."""
    retry_profile: RetryProfile | UnsetType = UNSET
    """How long, and how often, what failed is sent again."""
    resource_name: Text | UnsetType | None = UNSET
    """The `resource` in the format `iotda`; null: the platform's own."""
    app_id: Text | UnsetType = UNSET
    """The `app_id` that platforms send."""


class BacklogOut(Out):
    """What a subscription still has to deliver."""

    pending: int
    """How many events wait for another try."""
    dead: int
    """How many were given up."""
    unread: int
    """How many have not been looked at yet."""
    dropped: int
    """How many were lost because the receiver was away for too long."""


class SubscriptionOut(Out, kw_only=True):
    """A subscription; `secret` is there once, when it is made or rotated."""

    id: str
    """The subscription's id."""
    url: str
    """Where events are posted to."""
    events: list[EventName]
    """Which events."""
    format: WebhookFormat
    """The form of what is posted."""
    device_ids: list[str] | None = None
    """Only those of these devices; left out, of all."""
    tags: dict[str, list[str]] | None = None
    """Only those of devices with one of the values of each key; left out, of all."""
    ordered: bool
    """Whether events of a device wait for earlier ones."""
    headers: dict[str, str]
    """Headers that are sent along."""
    description: str | None = None
    """What it is for."""
    include: list[str]
    """What is posted besides: `result`, what devices answered."""
    retry_profile: RetryProfile
    """How long, and how often, what failed is sent again."""
    resource_name: str | None = None
    """The `resource` in the format `iotda`."""
    app_id: str
    """The `app_id` that platforms send."""
    state: SubscriptionHealth
    """Whether events are sent."""
    created_at: Instant
    """When it was made."""
    created_by: ActorOut | None = None
    """Who made it."""
    failures: int
    """How many tries failed in a row."""
    failing_since: Instant | None = None
    """Since when."""
    last_success_at: Instant | None = None
    """When a try succeeded last."""
    last_failure_at: Instant | None = None
    """When a try failed last."""
    last_error: str | None = None
    """Why."""
    backlog: BacklogOut
    """What it has before it."""
    secret: str | None = None
    """The secret that signs; where it was just made."""


class SubscriptionsOut(Out):
    """Every subscription of the scope, oldest first."""

    items: list[SubscriptionOut]
    """The subscriptions."""


class EventsQuery(In, kw_only=True):
    """Which events a stream tells; none named: all."""

    events: list[EventSelector] = msgspec.field(default_factory=list)
    """Only these, or families of them; left out, all."""
    device_id: list[DeviceIdText] = msgspec.field(default_factory=list)
    """Only those of these devices."""
    tag: TagFilters = ()
    """Those of devices with this tag, `key:value`; of several values of a key, one."""
    last_event_id: Int64Text | None = None
    """Go on after this event; the header of that name does the same."""
