"""What is posted to subscriptions, as OpenAPI describes it: each event in each form."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from pushserver.dialects.iotda_types import IotdaCommandStatus
from pushserver.dialects.native_data import DATA_TYPES
from pushserver.dialects.native_types import Envelope, PingData
from pushserver.dialects.oceanconnect import NOTIFY_BODIES, NOTIFY_TYPES
from pushserver.model.event import EventType
from pushserver.model.subscription import WebhookFormat
from pushserver.web.api.openapi.schemas import JsonObject, Schemas
from pushserver.web.api.tags import Tag
from pushserver.web.json_body import JSON_MEDIA_TYPE

_HEADERS: Mapping[str, str] = {
    "webhook-id": "The same each time that this event is sent to this subscription.",
    "webhook-timestamp": "When it was sent, in seconds since 1970.",
    "webhook-signature": "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64;"
    " two of them, with a space between, while the secret is replaced.",
}
_ANSWERS: Mapping[str, str] = {
    "2XX": "The event is delivered.",
    "410": "The subscription is switched off.",
    "4XX": "The event is sent again.",
    "5XX": "The event is sent again.",
}
_PING = "ping"


def webhooks(schemas: Schemas) -> JsonObject:
    """Return every webhook, by the name of its format and of its event."""
    return {
        name: {"post": _operation(name, summary, schema)}
        for name, summary, schema in _bodies(schemas)
    }


def _bodies(schemas: Schemas) -> Iterator[tuple[str, str, JsonObject]]:
    for format_ in WebhookFormat:
        for event_type in sorted(format_.event_types):
            is_native = format_ is WebhookFormat.NATIVE
            name = event_type if is_native else f"{format_}.{event_type}"
            summary = f"Tell of `{event_type}` in the format {format_}"
            yield name, summary, _body(schemas, format_, event_type)
    yield _PING, "Test a subscription", _envelope(schemas, _PING, PingData)


def _body(
    schemas: Schemas, format_: WebhookFormat, event_type: EventType
) -> JsonObject:
    """Return the schema of the body that tells of an event."""
    match format_:
        case WebhookFormat.NATIVE:
            return _envelope(schemas, event_type, DATA_TYPES[event_type])
        case WebhookFormat.IOTDA:
            return schemas.schema_for(IotdaCommandStatus)
        case WebhookFormat.OCEANCONNECT:
            notify_type = NOTIFY_TYPES[event_type]
            return schemas.narrowed(
                NOTIFY_BODIES[event_type], {"notifyType": _only(notify_type)}
            )
        case _:
            assert_never(format_)


def _envelope(schemas: Schemas, event_name: str, data_type: Any) -> JsonObject:
    fields = {"type": _only(event_name), "data": schemas.schema_for(data_type)}
    return schemas.narrowed(Envelope, fields, name=f"{_pascal(event_name)}Event")


def _only(text: str) -> JsonObject:
    return {"type": "string", "enum": [text]}


def _operation(name: str, summary: str, schema: JsonObject) -> JsonObject:
    return {
        "operationId": f"on{_pascal(name)}",
        "tags": [Tag.WEBHOOKS],
        "summary": summary,
        "description": "What is posted to the URL of a subscription.",
        "security": [],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": description,
                "schema": {"type": "string"},
            }
            for header, description in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {JSON_MEDIA_TYPE: {"schema": schema}},
        },
        "responses": {s: {"description": text} for s, text in _ANSWERS.items()},
    }


def _pascal(name: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in re.split(r"\W", name))
