"""The JSON of what became of deliveries by webhook, as types."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from pushserver.model.event import EventType
from pushserver.model.subscription import WebhookState
from pushserver.web.api.types import Cursor, In, Instant, Limit, Out, PageOut


class AttemptOut(Out, kw_only=True):
    """One try to deliver; `duration` is in seconds."""

    at: Instant
    """When it was tried."""
    duration: float
    """How many seconds it took."""
    status: int | None = None
    """The status of the receiver's answer."""
    answer: str | None = None
    """The beginning of the receiver's answer."""
    error: str | None = None
    """Why it failed."""


class WebhookDeliveryOut(Out, kw_only=True):
    """What became of the delivery of one event; `id` is the event's."""

    id: str
    """The event's id."""
    webhook_id: str
    """The `webhook-id` of each try."""
    type: EventType | None = None
    """What happened."""
    device_id: str | None = None
    """The device that it happened to."""
    event_at: Instant | None = None
    """When it happened."""
    state: WebhookState
    """What became of telling it."""
    next_at: Instant | None = None
    """When the next try is due."""
    attempts: list[AttemptOut]
    """Each try."""


class WebhookDeliveriesOut(PageOut[WebhookDeliveryOut], kw_only=True):
    """A page of deliveries, newest events first."""


class WebhookDeliveriesQuery(In, kw_only=True):
    """Filters of a list of deliveries."""

    state: WebhookState | None = None
    """Those of which this became."""
    limit: Limit = 50
    cursor: Cursor | None = None


class RecoverIn(In):
    """Since when the deliveries were given up that are sent again."""

    since: Annotated[datetime, Meta(tz=True)]
    """What was given up from this instant on."""


class RecoverOut(Out):
    """How many deliveries are sent again."""

    recovered: int
    """How many are sent again."""


class PingOut(Out, kw_only=True):
    """How the receiver answered a ping."""

    ok: bool
    """Whether the receiver took it."""
    attempt: AttemptOut
    """What came of the try."""
