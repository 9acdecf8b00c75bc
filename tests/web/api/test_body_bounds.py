"""What a body may hold of each thing: what is kept in memory is bounded by its form."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from msgspec import inspect

from pushserver.model.labels import MAX_LABEL_SIZE
from pushserver.web.api import ROUTES
from pushserver.web.api.command_parsing import COMMAND_OR_LIST, MAX_METADATA
from pushserver.web.api.subscription_types import MAX_DEVICE_IDS
from pushserver.web.api.types import MAX_ITEMS
from pushserver.web.body import MAX_SMALL_BODY
from tests.web.local_server import LocalServer

#: Mappings with a bound of their own, or that go to the device as they are.
BOUNDED_OTHERWISE = {"desired", "queryString"}
_LISTS = (
    inspect.ListType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.VarTupleType,
)


def _unbounded(found: Any, name: str) -> Iterator[str]:
    """Yield the names of lists and mappings in a type that may have any length."""
    if isinstance(found, inspect.Metadata):
        yield from _unbounded(found.type, name)
    elif isinstance(found, inspect.UnionType):
        for each in found.types:
            yield from _unbounded(each, name)
    elif isinstance(found, inspect.StructType):
        for field in found.fields:
            yield from _unbounded(field.type, field.encode_name)
    elif isinstance(found, (*_LISTS, inspect.DictType)):
        if found.max_length is None:
            yield name
        inner = (
            found.value_type if isinstance(found, inspect.DictType) else found.item_type
        )
        yield from _unbounded(inner, name)


def test_every_list_is_bounded() -> None:
    """No list and no mapping of any body may have any length."""
    bodies: dict[str, Any] = {each.name: each.body_type for each in ROUTES}
    bodies["enqueue"] = COMMAND_OR_LIST
    unbounded = {
        (call, name)
        for call, body in bodies.items()
        if body is not None
        for name in _unbounded(inspect.type_info(body), call)
    }

    assert BOUNDED_OTHERWISE == {name for _, name in unbounded}


#: They take commands, steps, devices or bytes, of which there may be many.
LARGE = {
    *("enqueue", "enqueueBatch", "enqueueBytes", "keepBlob", "importDevices"),
    *("beginOperation", "makeTask", "makeUpgrade"),
    *("makeDeviceKeys", "patchShadows"),
}


async def test_small_bodies(server: LocalServer) -> None:
    """
    All others have bodies of up to 1 MiB; of a longer one, nothing is read.
    """
    headers = {"Content-Type": "application/json"}
    taken, refused = [
        await server.api(
            "PUT", "/devices/1", b"{}".ljust(MAX_SMALL_BODY + more), headers=headers
        )
        for more in (0, 1)
    ]

    assert (201, 413) == (taken.status, refused.status)
    assert LARGE == {each.name for each in ROUTES if each.max_body > MAX_SMALL_BODY}


def _tags(count: int) -> Mapping[str, str]:
    return {f"key{number}": "value" for number in range(count)}


CALLS: Mapping[str, tuple[str, str, dict[str, object]]] = {
    "device": ("PATCH", "/devices/1", {}),
    "token": ("POST", "/tokens", {"name": "x", "permissions": ["devices:read"]}),
    "subscription": (
        "POST",
        "/subscriptions",
        {"url": "https://receiver.example/", "events": ["*"]},
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_tags(server: LocalServer, name: str) -> None:
    """
    A hundred tags are taken, and one more is too many.
    """
    method, path, body = CALLS[name]
    await server.api("PUT", "/devices/1", {})
    taken = await server.api(method, path, {**body, "tags": _tags(MAX_ITEMS)})
    refused = await server.api(method, path, {**body, "tags": _tags(MAX_ITEMS + 1)})

    assert taken.status in (200, 201)
    assert (422, "invalid", "/tags") == refused.problem


@pytest.mark.parametrize("name", ["token", "subscription"])
async def test_device_ids(server: LocalServer, name: str) -> None:
    """
    A token and a subscription name a thousand devices, and one more is too many.
    """
    method, path, body = CALLS[name]
    ids = [str(number) for number in range(MAX_DEVICE_IDS + 1)]
    taken = await server.api(method, path, {**body, "deviceIds": ids[1:]})
    refused = await server.api(method, path, {**body, "deviceIds": ids})

    assert 201 == taken.status
    assert (422, "invalid", "/deviceIds") == refused.problem


async def test_metadata(server: LocalServer) -> None:
    """
    Metadata of 16 KiB are taken, and a byte more is too long; also of a step.
    """
    command = {"endpoint": "reboot", "metadata": "x" * (MAX_METADATA - 2)}
    longer = {**command, "metadata": "x" * (MAX_METADATA - 1)}
    await server.api("PUT", "/devices/1", {})
    taken = await server.api("POST", "/devices/1/commands", command)
    refused = await server.api("POST", "/devices/1/commands", longer)
    step = await server.api("POST", "/operations", {"deviceId": "1", "steps": [longer]})

    assert 201 == taken.status
    assert (422, "invalid", "/metadata") == refused.problem
    assert (422, "invalid", "/steps/0/metadata") == step.problem


async def test_tags_of_targets(server: LocalServer) -> None:
    """
    So it is with those of a task's devices.
    """
    await server.api("PUT", "/devices/1", {"tags": _tags(MAX_ITEMS)})
    body = {"steps": [{"endpoint": "reboot"}]}
    taken, refused = [
        await server.api("POST", "/tasks", {**body, "targets": {"tags": _tags(count)}})
        for count in (MAX_ITEMS, MAX_ITEMS + 1)
    ]

    assert 201 == taken.status
    assert (422, "invalid", "/targets/tags") == refused.problem


async def test_events(server: LocalServer) -> None:
    """
    And with the events of a subscription.
    """
    body = {"url": "https://receiver.example/"}
    taken, refused = [
        await server.api("POST", "/subscriptions", {**body, "events": ["*"] * count})
        for count in (MAX_ITEMS, MAX_ITEMS + 1)
    ]

    assert 201 == taken.status
    assert (422, "invalid", "/events") == refused.problem


def _long(size: int) -> Mapping[str, str]:
    """Return labels of *size* characters in all."""
    return {f"key{number:02}": "x" * (size // 50 - 5) for number in range(50)}


@pytest.mark.parametrize(
    ("method", "path", "name", "body"),
    [
        ("PUT", "/devices/1", "tags", {}),
        ("POST", "/subscriptions", "tags", dict(CALLS["subscription"][2])),
        ("POST", "/operations", "properties", {"deviceId": "1"}),
        ("POST", "/tasks", "properties", {"targets": {"all": True}}),
    ],
)
async def test_long_labels(
    server: LocalServer, method: str, path: str, name: str, body: dict[str, object]
) -> None:
    """
    Labels of 8000 characters in all are taken, and longer ones are refused.
    """
    await server.api("PUT", "/devices/1", {})
    if path == "/tasks":
        body = {**body, "steps": [{"endpoint": "reboot"}]}
    taken, refused = [
        await server.api(
            method, path, {**body, name: {**_long(MAX_LABEL_SIZE), **more}}
        )
        for more in ({}, {"": "1"})
    ]

    assert taken.status in (200, 201)
    assert (422, "invalid", f"/{name}") == refused.problem


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
async def test_long_tags_in_a_file(server: LocalServer, kind: str) -> None:
    """
    An import says on which line they are.
    """
    tags = _long(MAX_LABEL_SIZE + 50)
    file = {
        "csv": ",".join(["deviceId", *(f"tag:{key}" for key in tags)])
        + "\n"
        + ",".join(["1", *tags.values()]),
        "ndjson": "\n" + json.dumps({"deviceId": "1", "tags": tags}),
    }[kind]
    media_type = {"csv": "text/csv", "ndjson": "application/x-ndjson"}[kind]
    headers = {"Content-Type": media_type}

    answer = await server.api("POST", "/devices/import", file.encode(), headers=headers)

    assert 422 == answer.status
    assert [(2, "/tags")] == [
        (each["line"], each["pointer"]) for each in answer.json()["errors"]
    ]
