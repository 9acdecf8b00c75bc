"""What is refused for its choices or its bounds: the error says which there are."""

from typing import Any

import pytest

from tests.web.local_server import DEVICE, LocalServer

STEP = {"endpoint": "reboot"}
VERIFY = {"command": {**STEP, "delivery": "once"}, "versionPointer": "/version"}
UPGRADE = {
    "targets": {"all": True},
    "targetVersion": "2",
    "phases": {"download": [STEP], "apply": [STEP], "verify": VERIFY},
}
GUARANTEES = "This must be one of atLeastOnce, atMostOnce, not 'once'."
SHOWN_STATES = "This must be one of CANCELED, COMPLETED, PAUSED, RUNNING, not 'DONE'."
DEVICE_STATES = "This must be one of adopted, quarantined, not 'new'."
BODIES = "This must be one of body, not 'all'."
COMMANDS = f"/devices/{DEVICE}/commands"
#: A call, its body, the field, and what is said of it.
CASES: list[tuple[str, Any, str, str]] = [
    ("/tasks?state=RUNNING,DONE", None, "/state/1", SHOWN_STATES),
    ("/devices?state=new", None, "/state", DEVICE_STATES),
    ("/commands?include=all", None, "/include/0", BODIES),
    (COMMANDS, {**STEP, "delivery": "once"}, "/delivery", GUARANTEES),
    (COMMANDS, [STEP, {**STEP, "delivery": "once"}], "/1/delivery", GUARANTEES),
    ("/upgrades", UPGRADE, "/phases/verify/command/delivery", GUARANTEES),
]

TASK = {"targets": {"all": True}, "steps": [STEP]}
LONG = "x" * 101
BOUNDS: list[tuple[str, Any, str, str]] = [
    (
        "/tasks",
        TASK | {"steps": []},
        "/steps",
        "This must be an array of at least 1 item.",
    ),
    ("/commands?limit=0", None, "/limit", "This must be a whole number of at least 1."),
    (
        COMMANDS,
        STEP | {"priority": 101},
        "/priority",
        "This must be a whole number of at most 100.",
    ),
    (COMMANDS, STEP | {"expiresIn": 0}, "/expiresIn", "This must be a number above 0."),
    (
        COMMANDS,
        STEP | {"supersede": LONG},
        "/supersede",
        "This must be text of at most 100 characters.",
    ),
    (COMMANDS, [], "", "This must be an array of at least 1 item."),
    (
        "/tasks",
        TASK | {"targets": {"tags": {LONG: ""}}},
        "/targets/tags",
        "A key must be text of at most 100 characters.",
    ),
]


@pytest.mark.parametrize(("path", "body", "pointer", "detail"), CASES)
async def test_named(
    server: LocalServer, path: str, body: Any, pointer: str, detail: str
) -> None:
    """
    The error says what the field may be, wherever it is: in a query, an array, a body.
    """
    await check(server, path, body, pointer, detail)


@pytest.mark.parametrize(("path", "body", "pointer", "detail"), BOUNDS)
async def test_bounds(
    server: LocalServer, path: str, body: Any, pointer: str, detail: str
) -> None:
    """
    The error says in plain words how much, how long or how many there may be.
    """
    await check(server, path, body, pointer, detail)


async def check(
    server: LocalServer, path: str, body: Any, pointer: str, detail: str
) -> None:
    """Compare the error with what is expected."""
    answer = await server.api("GET" if body is None else "POST", path, body)

    assert (422, "invalid", pointer or None) == answer.problem
    assert detail == answer.json()["detail"]
