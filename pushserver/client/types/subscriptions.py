"""Types of the API: subscriptions.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from pushserver.client.types.commands import Actor

EventSelector = Literal[
    "command.status",
    "device.online",
    "device.offline",
    "device.quarantined",
    "device.identityMismatch",
    "device.identityConflict",
    "operation.progress",
    "operation.finished",
    "task.finished",
    "result.orphaned",
    "shadow.status",
    "upgrade.state",
    "upgrade.result",
    "deviceDesiredPropertiesModifyStatusChanged",
    "swUpgradeStateChangeNotify",
    "swUpgradeResultNotify",
    "*",
    "command.*",
    "device.*",
    "operation.*",
    "result.*",
    "shadow.*",
    "task.*",
    "upgrade.*",
]
"""An event, a family of them (`command.*`), or all (`*`)."""
WebhookFormat = Literal["native", "iotda", "oceanconnect"]
"""The form of the body in which an event is sent."""
RetryProfile = Literal["standard", "huawei"]
"""The retry policies that a subscription can choose from."""


class SubscriptionOptions(TypedDict):
    """The fields of `SubscriptionInput` that are no arguments."""

    format: NotRequired[WebhookFormat]
    """The form of what is posted. Left out, it is `native`."""
    deviceIds: NotRequired[Sequence[str]]
    """Only those of these devices."""
    tags: NotRequired[Mapping[str, Sequence[str]]]
    """Only those of devices that have, of each of these keys, one of its values."""
    ordered: NotRequired[bool]
    """Whether events of a device wait for earlier ones; else the format decides."""
    headers: NotRequired[Mapping[str, str]]
    """Headers of yours that are sent along."""
    description: NotRequired[str]
    """What it is for."""
    include: NotRequired[Sequence[Literal["result"]]]
    """What is posted besides: `result`, what devices answered."""
    retryProfile: NotRequired[RetryProfile]
    """
    How long, and how often, what failed is sent again. Left out, it is `standard`.
    """
    resourceName: NotRequired[str]
    """The `resource` in the format `iotda`."""
    appId: NotRequired[str]
    """The `app_id` that platforms send; left out, the scope's id."""


class SubscriptionInput(SubscriptionOptions):
    """A subscription to be made."""

    url: str
    """Where events are posted to."""
    events: Sequence[EventSelector]
    """Which events; those of OceanConnect have its own names, too."""


EventName = Literal[
    "command.status",
    "device.online",
    "device.offline",
    "device.quarantined",
    "device.identityMismatch",
    "device.identityConflict",
    "operation.progress",
    "operation.finished",
    "task.finished",
    "result.orphaned",
    "shadow.status",
    "upgrade.state",
    "upgrade.result",
    "deviceDesiredPropertiesModifyStatusChanged",
    "swUpgradeStateChangeNotify",
    "swUpgradeResultNotify",
]
"""What happened; OceanConnect has names of its own."""
SubscriptionHealth = Literal["active", "paused", "disabled"]
"""
Whether events are sent. PAUSED: it failed for long; it is probed, and resumes when
a probe succeeds. DISABLED: somebody switched it off, or its receiver answered 410.
"""


class Backlog(TypedDict):
    """What a subscription still has to deliver."""

    pending: int
    """How many events wait for another try."""
    dead: int
    """How many were given up."""
    unread: int
    """How many have not been looked at yet."""
    dropped: int
    """How many were lost because the receiver was away for too long."""


class Subscription(TypedDict):
    """A subscription; `secret` is there once, when it is made or rotated."""

    id: str
    """The subscription's id."""
    url: str
    """Where events are posted to."""
    events: list[EventName]
    """Which events."""
    format: WebhookFormat
    """The form of what is posted."""
    deviceIds: NotRequired[list[str]]
    """Only those of these devices; left out, of all."""
    tags: NotRequired[dict[str, list[str]]]
    """Only those of devices with one of the values of each key; left out, of all."""
    ordered: bool
    """Whether events of a device wait for earlier ones."""
    headers: dict[str, str]
    """Headers that are sent along."""
    description: NotRequired[str]
    """What it is for."""
    include: list[str]
    """What is posted besides: `result`, what devices answered."""
    retryProfile: RetryProfile
    """How long, and how often, what failed is sent again."""
    resourceName: NotRequired[str]
    """The `resource` in the format `iotda`."""
    appId: str
    """The `app_id` that platforms send."""
    state: SubscriptionHealth
    """Whether events are sent."""
    createdAt: str
    """When it was made."""
    createdBy: NotRequired[Actor]
    """Who made it."""
    failures: int
    """How many tries failed in a row."""
    failingSince: NotRequired[str]
    """Since when."""
    lastSuccessAt: NotRequired[str]
    """When a try succeeded last."""
    lastFailureAt: NotRequired[str]
    """When a try failed last."""
    lastError: NotRequired[str]
    """Why."""
    backlog: Backlog
    """What it has before it."""
    secret: NotRequired[str]
    """The secret that signs; where it was just made."""


class Subscriptions(TypedDict):
    """Every subscription of the scope, oldest first."""

    items: list[Subscription]
    """The subscriptions."""


class SubscriptionPatch(TypedDict):
    """What is to be changed of a subscription; null takes a filter away."""

    url: NotRequired[str]
    """Where events are posted to."""
    events: NotRequired[Sequence[EventSelector]]
    """Which events; those of OceanConnect have its own names, too."""
    deviceIds: NotRequired[Sequence[str] | None]
    """Only those of these devices; null: of all."""
    tags: NotRequired[Mapping[str, Sequence[str]] | None]
    """Only those of devices with one of the values of each key; null: of all."""
    ordered: NotRequired[bool]
    """Whether events of a device wait for earlier ones."""
    headers: NotRequired[Mapping[str, str]]
    """Headers of yours that are sent along."""
    description: NotRequired[str | None]
    """What it is for; null: nothing."""
    include: NotRequired[Sequence[Literal["result"]]]
    """What is posted besides: `result`, what devices answered."""
    retryProfile: NotRequired[RetryProfile]
    """How long, and how often, what failed is sent again."""
    resourceName: NotRequired[str | None]
    """The `resource` in the format `iotda`; null: the platform's own."""
    appId: NotRequired[str]
    """The `app_id` that platforms send."""


class Attempt(TypedDict):
    """One try to deliver; `duration` is in seconds."""

    at: str
    """When it was tried."""
    duration: float
    """How many seconds it took."""
    status: NotRequired[int]
    """The status of the receiver's answer."""
    answer: NotRequired[str]
    """The beginning of the receiver's answer."""
    error: NotRequired[str]
    """Why it failed."""


class Ping(TypedDict):
    """How the receiver answered a ping."""

    ok: bool
    """Whether the receiver took it."""
    attempt: Attempt
    """What came of the try."""


WebhookState = Literal["pending", "delivered", "dead"]
"""How far the delivery of one event to one subscription is."""
EventType = Literal[
    "command.status",
    "device.online",
    "device.offline",
    "device.quarantined",
    "device.identityMismatch",
    "device.identityConflict",
    "operation.progress",
    "operation.finished",
    "task.finished",
    "result.orphaned",
    "shadow.status",
    "upgrade.state",
    "upgrade.result",
]
"""The types of events."""


class WebhookDelivery(TypedDict):
    """What became of the delivery of one event; `id` is the event's."""

    id: str
    """The event's id."""
    webhookId: str
    """The `webhook-id` of each try."""
    type: NotRequired[EventType]
    """What happened."""
    deviceId: NotRequired[str]
    """The device that it happened to."""
    eventAt: NotRequired[str]
    """When it happened."""
    state: WebhookState
    """What became of telling it."""
    nextAt: NotRequired[str]
    """When the next try is due."""
    attempts: list[Attempt]
    """Each try."""


class WebhookDeliveries(TypedDict):
    """A page of deliveries, newest events first."""

    items: list[WebhookDelivery]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListDeliveriesQuery(TypedDict):
    """The query of `listDeliveries`."""

    state: NotRequired[WebhookState | None]
    """Those of which this became."""
    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""


class RecoverInput(TypedDict):
    """Since when the deliveries were given up that are sent again."""

    since: str
    """What was given up from this instant on."""


class Recover(TypedDict):
    """How many deliveries are sent again."""

    recovered: int
    """How many are sent again."""
