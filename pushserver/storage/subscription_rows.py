"""Events, subscriptions, stream interests and webhook deliveries as rows."""

from functools import partial

import msgspec

from pushserver.model.event import Event, EventType
from pushserver.model.retry_policy import RetryProfile
from pushserver.model.subscription import (
    Subscription,
    SubscriptionHealth,
    WebhookAttempt,
    WebhookDelivery,
    WebhookFormat,
    WebhookState,
)
from pushserver.model.tag_filter import TagFilter
from pushserver.storage.actor_rows import actor_columns, with_actors
from pushserver.storage.scope_rows import PERMISSIONS
from pushserver.storage.subscriptions import StreamInterest
from pushserver.storage.table import (
    BLOB,
    FLAG,
    Codec,
    Column,
    Join,
    Table,
    enum_codec,
    json_codec,
)


def _encode_tags(tags: TagFilter) -> str:
    """Return tags as JSON: several values of a key as a list, one as it is."""
    by_key = {key: sorted(values) for key, values in tags.items()}
    plain = {key: v if len(v) > 1 else v[0] for key, v in by_key.items()}
    return msgspec.json.encode(plain).decode()


def _decode_tags(text: str) -> TagFilter:
    stored = msgspec.json.decode(text, type=dict[str, str | list[str]])
    return {
        key: frozenset([given] if isinstance(given, str) else given)
        for key, given in stored.items()
    }


#: Stored for no device, because unlike NULL it equals itself.
NO_DEVICE = -1
#: Longer data of an event, in bytes, is read alone, once there is room for it: nearly
#: all have a few hundred, and many may wait.
SHORT_DATA = 4 * 1024

EVENTS = Table(
    "event",
    Event,
    [
        "id, scope_id",
        Column("type", codec=enum_codec(EventType)),
        "device_id, at",
        Column("data", codec=BLOB),
    ],
)
#: Events as many are read at once: with their data, if it is short.
LIGHT_EVENTS = Table(
    "event",
    Event,
    [
        *EVENTS.columns[:-1],
        Column(
            f"CASE WHEN length(data) <= {SHORT_DATA} THEN data END", "data", codec=BLOB
        ),
    ],
)
_EVENTS_WITHOUT_DATA = Table("event", partial(Event, data=None), EVENTS.columns[:-1])
SUBSCRIPTIONS = Table(
    "subscription",
    with_actors(Subscription, "created_by"),
    [
        "id, scope_id, created_at, url",
        Column(
            "events",
            codec=Codec(
                lambda types: " ".join(sorted(types)),
                lambda text: frozenset(map(EventType, text.split())),
            ),
        ),
        Column("format", codec=enum_codec(WebhookFormat)),
        "secret, app_id, cursor",
        Column("device_ids", codec=json_codec(frozenset[int])),
        Column("tags", codec=Codec(_encode_tags, _decode_tags)),
        Column("ordered", codec=FLAG),
        Column("headers", codec=json_codec(dict[str, str])),
        "description",
        Column("include_result", codec=FLAG),
        Column("profile", codec=enum_codec(RetryProfile)),
        "resource_name, old_secret, old_secret_until",
        Column("health", codec=enum_codec(SubscriptionHealth)),
        "failures, failing_since, dropped, last_success_at, last_failure_at",
        "last_error",
        *actor_columns("created_by"),
        Column("may_read", codec=PERMISSIONS),
    ],
)
STREAM_INTERESTS = Table(
    "interest",
    StreamInterest,
    [
        "scope_id",
        Column("type", codec=enum_codec(EventType)),
        Column("since", "recorded_since"),
        Column("until", "expires_at"),
    ],
)
WEBHOOKS = Table(
    "webhook",
    WebhookDelivery,
    [
        "subscription_id, event_id",
        Column("device_id", codec=Codec(null=NO_DEVICE)),
        Column("state", codec=enum_codec(WebhookState)),
        "next_attempt_at",
        Column("attempts", codec=json_codec(list[WebhookAttempt])),
    ],
)
WEBHOOKS_WITH_EVENTS = Join.of(WEBHOOKS, _EVENTS_WITHOUT_DATA)
