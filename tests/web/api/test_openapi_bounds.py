"""What the API's description says of fields is what the server enforces.

For each field there are values at its bounds and just beyond; the server and a
validator of OpenAPI have to say the same of each.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from openapi_schema_validator import OAS31Validator

from tests.web.api.test_openapi import CALLS, DOCUMENT
from tests.web.local_server import DEVICE, LocalServer

STEP = {"endpoint": "reboot"}
TASK = {"targets": {"deviceIds": [str(DEVICE)]}, "steps": [STEP], "dryRun": True}
VERIFY = {"command": STEP, "versionPointer": "/version"}
UPGRADE = {
    "targets": TASK["targets"],
    "targetVersion": "2",
    "phases": {"download": [STEP], "apply": [STEP], "verify": VERIFY},
    "dryRun": True,
}
SUBSCRIPTION = {"url": "https://9.9.9.9/hook", "events": ["command.status"]}
LIMITS = ["1", "9999999", "5%", "100%", "99.999%", "0.001%", "0.25%"]
NO_LIMITS = ["0", "0%", "0.0%", "101%", "100.1%", "10000000", "-1", "1.5", "few", ""]

#: A call, a whole body, the path of a field, and values that are taken, or refused.
FIELDS: Sequence[tuple[str, Any, Sequence[str], Sequence[Any], Sequence[Any]]] = [
    ("makeTask", TASK, ["steps"], [[STEP], [STEP] * 100], [[], [STEP] * 101]),
    ("makeTask", TASK, ["stopAfterFailures"], LIMITS, NO_LIMITS),
    ("makeTask", TASK, ["concurrency"], [1, 1_000_000], [0, 1_000_001]),
    ("makeTask", TASK, ["name"], ["", "é" * 200], ["x" * 201]),
    ("makeUpgrade", UPGRADE, ["policy", "retries"], [0, 10], [-1, 11]),
    *(
        ("makeUpgrade", UPGRADE, ["phases", name], [[STEP] * 97], [[], [STEP] * 98])
        for name in ("download", "apply")
    ),
    (
        "makeUpgrade",
        UPGRADE,
        ["phases", "verify", "versionPointer"],
        ["", "/", "/a/b", "/a~1b/~0", "/" + "x" * 999],
        ["version", "/a~", "/a~2", "/" + "x" * 1000],
    ),
    (
        "makeSubscription",
        SUBSCRIPTION,
        ["url"],
        ["https://9.9.9.9/", "HTTPS://9.9.9.9"],
        ["", "9.9.9.9", "ftp://9.9.9.9", "https:/9.9.9.9"],
    ),
]
#: The values of the parameter `tag` that are taken, and that are not.
TAGS, NO_TAGS = ["a:b", "a:", ":", "a:b:c"], ["", "a", "a=b"]


def is_described(schema: Mapping[str, Any], value: Any) -> bool:
    """Tell whether the description allows a value."""
    components = {"components": DOCUMENT["components"]}
    return OAS31Validator({**schema, **components}).is_valid(value)  # type: ignore[no-any-return]


def with_field(body: Any, path: Sequence[str], value: Any) -> Any:
    """Return a body in which the field at *path* has this value."""
    if not path:
        return value
    return {**body, path[0]: with_field(body.get(path[0], {}), path[1:], value)}


@pytest.mark.parametrize(
    ("call", "body", "path", "taken", "refused"),
    FIELDS,
    ids=[f"{call}.{path[-1]}" for call, _, path, _, _ in FIELDS],
)
async def test_fields(
    server: LocalServer,
    call: str,
    body: Any,
    path: Sequence[str],
    taken: Sequence[Any],
    refused: Sequence[Any],
) -> None:
    """
    A value of a field is refused if the description refuses it, and only then.
    """
    content = CALLS[call]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    url = next(
        each
        for each, calls in DOCUMENT["paths"].items()
        if CALLS[call] in calls.values()
    )
    await server.api("PUT", f"/devices/{DEVICE}", {})
    for value in (*taken, *refused):
        whole = with_field(body, path, value)
        answer = await server.api("POST", url.removeprefix("/api/v1"), whole)

        said = (answer.status < 400, is_described(schema, whole))
        assert (value, (value in taken,) * 2) == (value, said)


@pytest.mark.parametrize("path", ["/devices", "/devices/export", "/events"])
async def test_tags(server: LocalServer, path: str) -> None:
    """
    A filter by tags is refused if the description refuses it, and only then.
    """
    described = DOCUMENT["paths"]["/api/v1" + path]["get"]["parameters"]
    schema = next(each["schema"] for each in described if "tag" == each["name"])

    for value in (*TAGS, *NO_TAGS):
        assert (value, value in TAGS) == (value, is_described(schema, [value]))
    for value in NO_TAGS:
        answer = await server.api("GET", f"{path}?{urlencode({'tag': value})}")
        assert (value, 422) == (value, answer.status)
