"""Compares the bodies of webhooks that are printed with their description."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from openapi_schema_validator import OAS31Validator

from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document

_DOCUMENT = document(ROUTES)


def are_described(text: str) -> None:
    """Each line is the body of an event as `openapi.json` describes it, and no more."""
    for line in text.splitlines():
        body = json.loads(line)
        schema = _schema(body) | {"components": _DOCUMENT["components"]}
        problems = list(OAS31Validator(schema).iter_errors(body))

        assert [] == problems, line
        assert [] == list(_unknown(schema, body)), line


def _schema(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a webhook, by the word for its event."""
    word = body.get("type") or body.get("notifyType") or "iotda.command.status"
    for name, webhook in _DOCUMENT["webhooks"].items():
        content = webhook["post"]["requestBody"]["content"]["application/json"]
        schema: dict[str, Any] = _followed(content["schema"])
        if name == word or word in json.dumps(schema.get("properties", {})):
            return schema
    raise AssertionError(f"No webhook is called {word}")


def _followed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference refers to."""
    while name := schema.get("$ref"):
        schema = _DOCUMENT["components"]["schemas"][name.rpartition("/")[2]]
    return schema


def _unknown(schema: dict[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """Yield the fields that the schema does not name."""
    schema = _followed(schema)
    properties = schema.get("properties")
    if not isinstance(value, dict) or properties is None:
        return
    for name, part in value.items():
        if name in properties:
            yield from _unknown(properties[name], part, f"{path}/{name}")
        else:
            yield f"{path}/{name}"
