"""What is refused since it is none of a few choices: the error names them."""

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
NOT = "This must be one of these, not"
GUARANTEES = f"{NOT} 'once': atLeastOnce, atMostOnce."
SHOWN_STATES = f"{NOT} 'DONE': CANCELED, COMPLETED, PAUSED, RUNNING."
COMMANDS = f"/devices/{DEVICE}/commands"
#: A call, its body, the field, and what is said of it.
CASES: list[tuple[str, Any, str, str]] = [
    ("/tasks?state=RUNNING,DONE", None, "/state/1", SHOWN_STATES),
    ("/devices?state=new", None, "/state", f"{NOT} 'new': adopted, quarantined."),
    ("/commands?include=all", None, "/include/0", f"{NOT} 'all': body."),
    (COMMANDS, {**STEP, "delivery": "once"}, "/delivery", GUARANTEES),
    (COMMANDS, [STEP, {**STEP, "delivery": "once"}], "/1/delivery", GUARANTEES),
    ("/upgrades", UPGRADE, "/phases/verify/command/delivery", GUARANTEES),
]


@pytest.mark.parametrize(("path", "body", "pointer", "detail"), CASES)
async def test_named(
    server: LocalServer, path: str, body: Any, pointer: str, detail: str
) -> None:
    """
    The error says what the field may be, wherever it is: in a query, an array, a body.
    """
    answer = await server.api("GET" if body is None else "POST", path, body)

    assert (422, "invalid", pointer) == answer.problem
    assert detail == answer.json()["detail"]
