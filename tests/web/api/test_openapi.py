"""The API's description: valid, complete, and what generators of clients take."""

import re
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator

from pushserver.model.subscription import WebhookFormat
from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document
from pushserver.web.api.openapi.schemas import BYTES_SCHEMA
from tests.web.local_server import LocalServer

DOCUMENT: Any = document(ROUTES)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, Any] = {
    operation["operationId"]: operation
    for paths in (DOCUMENT["paths"], DOCUMENT["webhooks"])
    for path in paths.values()
    for operation in path.values()
}
CALLS = {route.name: OPERATIONS[route.name] for route in ROUTES}
#: Where null says something else than to leave the field out: take the value away.
TAKEN_AWAY_BY_NULL = {
    "DeviceInput.name",
    "DeviceInput.hold",
    "SubscriptionPatch.description",
    "SubscriptionPatch.deviceIds",
    "SubscriptionPatch.resourceName",
    "SubscriptionPatch.tags",
}


def nodes(root: Any) -> Iterator[dict[str, Any]]:
    """Return every object in a part of the document."""
    if isinstance(root, dict):
        yield root
    for child in root.values() if isinstance(root, dict) else root:
        if isinstance(child, dict | list):
            yield from nodes(child)


async def test_served(server: LocalServer) -> None:
    """
    It is served to everybody, and is a valid document of OpenAPI 3.1.
    """
    served = (await server.api("GET", "/openapi.json", token=None)).json()

    assert DOCUMENT == served
    assert served["openapi"].startswith("3.1")
    openapi_spec_validator.validate(served)


def test_same_text_in_every_process() -> None:
    """
    What has no order of its own is sorted, so that two servers send the same text.
    """
    headers = [
        list(answer.get("headers", ()))
        for call in CALLS.values()
        for answer in call["responses"].values()
    ]

    assert list(map(sorted, headers)) == headers


def test_complete() -> None:
    """
    Every route is described, and what it answers without the right token.
    """
    for route in ROUTES:
        if route.permission is not None:
            assert {"401", "403"} <= set(CALLS[route.name]["responses"])


def test_everything_is_described() -> None:
    """
    Every schema, field, parameter, header and call says what it means.
    """
    described = [*SCHEMAS.values(), *OPERATIONS.values()]
    for schema in SCHEMAS.values():
        described += schema.get("properties", {}).values()
    for node in nodes(DOCUMENT["paths"]):
        described += node.get("parameters", [])
        described += node.get("headers", {}).values()
    described += DOCUMENT["components"]["headers"].values()

    described = [each for each in described if "$ref" not in each]
    assert [] == [each for each in described if not each.get("description")]


def test_every_call_has_its_tag() -> None:
    """
    Every call has one tag, which the document explains.
    """
    explained = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}

    assert explained == {tag for each in OPERATIONS.values() for tag in each["tags"]}
    assert all(1 == len(each["tags"]) for each in OPERATIONS.values())


def test_what_is_left_out_is_not_null() -> None:
    """
    Null is allowed only where it says more than to leave the field out.
    """
    nullable = {
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        for node in nodes(described)
        if "null" in node.get("type", ())
    }

    assert TAKEN_AWAY_BY_NULL == nullable
    assert [] == [each for each in nodes(DOCUMENT) if each.get("default", "") is None]


def test_no_alternatives() -> None:
    """
    Nothing is one of several schemas, or of one of several types but for null.
    """
    alternatives = {"anyOf", "oneOf", "allOf", "not"}
    types = [each["type"] for each in nodes(DOCUMENT) if "type" in each]

    assert [] == [each for each in nodes(DOCUMENT) if alternatives & set(each)]
    several = [each for each in types if isinstance(each, list)]
    assert all(2 == len(each) and "null" in each for each in several)


def test_defaults_require_nothing() -> None:
    """
    No field has a default, which some generators take for a field that is required.
    """
    assert [] == [each for each in nodes(SCHEMAS) if "default" in each]


def test_maps_say_what_they_hold() -> None:
    """
    Every object names its fields, or says what its values are.
    """
    objects = [each for each in nodes(DOCUMENT) if each.get("type") == "object"]
    says = {"properties", "additionalProperties"}

    assert objects == [each for each in objects if says & set(each)]


def test_pages_have_links() -> None:
    """
    The header `Link` is described of the calls that take a cursor, and of no others.
    """
    linked, paged = set(), set()
    for name, call in CALLS.items():
        answers = call["responses"].values()
        if any("Link" in answer.get("headers", ()) for answer in answers):
            linked.add(name)
        if any("cursor" == each["name"] for each in call["parameters"]):
            paged.add(name)

    assert paged == linked


def test_names_are_ours() -> None:
    """
    Schemas are called what programs call them, not what the modules inside do.
    """
    assert [] == [
        name
        for name in SCHEMAS
        if not re.fullmatch("[A-Z][A-Za-z]+", name) or re.search("(Out|In)$", name)
    ]


def test_names_of_choices_do_not_clash() -> None:
    """
    The names of all choices are different, for languages that put them in one place.
    """
    choices = [each for each in SCHEMAS.values() if "enum" in each]
    names = [name for each in choices for name in each["x-enum-varnames"]]

    assert len(set(names)) == len(names) > 0
    assert len(names) == sum(len(each["enum"]) for each in choices)


def test_choices_of_fields_do_not_clash() -> None:
    """
    Choices that have no name of their own are called after their field: as no other.
    """
    fields = {
        name + field[0].upper() + field[1:]
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        if "$ref" not in described
    }

    assert set() == fields & set(SCHEMAS)


def test_who_needs_no_token() -> None:
    """
    The description, and what the server itself posts, need no token.
    """
    open_calls = {k for k, each in OPERATIONS.items() if [] == each.get("security")}

    assert [{"token": []}] == DOCUMENT["security"]
    posted = {each["post"]["operationId"] for each in DOCUMENT["webhooks"].values()}
    assert {"getOpenapi"} | posted == open_calls


def test_every_event_in_every_format() -> None:
    """
    Each event is a webhook in each format that has a body for it, and so is a ping.
    """
    expected = {"ping"} | {
        event_type if format_ is WebhookFormat.NATIVE else f"{format_}.{event_type}"
        for format_ in WebhookFormat
        for event_type in format_.event_types
    }

    assert expected == set(DOCUMENT["webhooks"])


def test_put_says_both() -> None:
    """
    PUT on a device is described with 201 and with 200.
    """
    assert {"200", "201"} <= set(CALLS["putDevice"]["responses"])


def test_one_kind_of_body_a_call() -> None:
    """
    One command, and one as bytes, are calls of their own.
    """
    one = CALLS["enqueue"]["requestBody"]["content"]
    raw = CALLS["enqueueBytes"]["requestBody"]["content"]

    assert ["application/json"] == list(one)
    reference = {"$ref": "#/components/schemas/CommandInput"}
    assert reference == one["application/json"]["schema"]
    assert {"application/octet-stream": {"schema": BYTES_SCHEMA}} == raw


def test_batch_has_its_limits() -> None:
    """
    Many commands are an array of as many as are taken.
    """
    body = CALLS["enqueueBatch"]["requestBody"]["content"]["application/json"]

    limits = {k: body["schema"][k] for k in ("type", "minItems", "maxItems")}
    assert {"type": "array", "minItems": 1, "maxItems": 1000} == limits


def test_bytes_have_their_parameters() -> None:
    """
    What bytes cannot say is in the query, and its endpoint is required.
    """
    parameters = {each["name"]: each for each in CALLS["enqueueBytes"]["parameters"]}

    assert {"queryString", "Idempotency-Key", "Prefer"} <= set(parameters)
    assert parameters["endpoint"]["required"]
    assert not parameters["verb"]["required"]
