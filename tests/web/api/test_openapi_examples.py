"""The examples of the API's description work, and are answered as it says."""

import re
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from pushserver.web.api import ROUTES
from pushserver.web.api.path_names import camel
from pushserver.web.api.route import ApiRoute
from tests.web.api.tenant import Tenant, first_tenant, populated_tenant
from tests.web.api.test_openapi import CALLS, DOCUMENT
from tests.web.local_server import LocalServer, Response

#: Which of the tenant's things a call is about, where not any one will do.
ABOUT = {
    "cancelCommand": {"command_id": "pending"},
    "releaseCommand": {"command_id": "held"},
    "resumeTask": {"task_id": "paused"},
    "resumeUpgrade": {"upgrade_id": "upgradePaused"},
}
#: The device that examples name.
EXAMPLE_DEVICE = "478435"
#: Headers that answers have by themselves.
USUAL = {"content-length", "content-type", "date", "server", "transfer-encoding"}
WITHOUT_EXAMPLE = "deleteScope"  # the first scope stays
ASKED = [
    pytest.param(route, media_type, id=f"{route.name}-{media_type}")
    for route in ROUTES
    if route.name != WITHOUT_EXAMPLE
    for media_type in CALLS[route.name].get("requestBody", {}).get("content", [None])
]


async def send_example(
    tenant: Tenant, route: ApiRoute, media_type: str | None
) -> Response:
    """Send the example of a call, about the tenant's things."""
    ids = {"command_id": "finished", "task_id": "running", "upgrade_id": "upgrading"}
    names = ids | ABOUT.get(route.name, {})
    values = {**tenant.ids, **{k: tenant.ids[v] for k, v in names.items()}}
    call: Any = CALLS[route.name]
    query = "&".join(
        f"{each['name']}={each['schema']['examples'][0]}"
        for each in call["parameters"]
        if each["in"] == "query" and each["required"]
    )
    body = None
    if media_type:
        media = call["requestBody"]["content"][media_type]
        shown = [*media["schema"].get("examples", ()), b"bytes"]
        body = media.get("example", shown[0])
    return await tenant.server.api(
        route.method,
        f"{route.path.format(**values)}?{query}",
        body.encode() if isinstance(body, str) else body,
        token=tenant.token,
        headers={"Content-Type": media_type} if media_type else {},
    )


@pytest.mark.parametrize(("route", "media_type"), ASKED)
async def test_example(
    server_of_all_faces: LocalServer, route: ApiRoute, media_type: str | None
) -> None:
    """
    It succeeds; the answer and all of its headers are described.
    """
    tenant = await populated_tenant(first_tenant(server_of_all_faces), "first", 0)
    await tenant.api("PUT", f"/devices/{EXAMPLE_DEVICE}", {})

    answer = await send_example(tenant, route, media_type)

    assert answer.status < 300, answer.body
    responses = CALLS[route.name]["responses"]
    described = responses.get(str(answer.status)) or responses["2XX"]
    headers = {name.lower() for name in described.get("headers", {})}
    assert {name.lower() for name in answer.headers} <= USUAL | headers
    content = described.get("content", {})
    if list(content) == ["application/json"]:
        schema: Any = content["application/json"]["schema"]
        root = {**schema, "components": DOCUMENT["components"]}
        OAS31Validator(root).validate(answer.json())
    else:
        assert not answer.body or content


def test_every_body_has_an_example() -> None:
    """
    Whatever takes a body shows one; bytes speak for themselves.
    """
    bare = {
        (name, media_type)
        for name, call in CALLS.items()
        for media_type, media in call.get("requestBody", {}).get("content", {}).items()
        if not (media.get("example") or media["schema"].get("examples"))
    }

    bytes_ = "application/octet-stream"
    assert {("enqueueBytes", bytes_), ("keepBlob", bytes_)} == bare


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_paths_have_examples(route: ApiRoute) -> None:
    """
    Every part of a path that stands for something shows one.
    """
    parameters = CALLS[route.name]["parameters"]
    shown = [f"{{{p['name']}}}" for p in parameters if p.get("example")]

    assert shown == re.findall(r"\{\w+\}", camel(route.path))
