"""All events, or a family of them, are named by a pattern."""

import pytest

from tests.each_case import each_case
from tests.web.api.subscriptions.requests import REQUEST, create_subscription
from tests.web.event_stream import open_event_stream
from tests.web.local_server import LocalServer

DEVICE_EVENTS = [
    "device.identityConflict",
    "device.identityMismatch",
    "device.offline",
    "device.online",
    "device.quarantined",
]


@pytest.mark.parametrize(
    ("events", "format_", "shown"),
    [
        (["device.*"], "native", DEVICE_EVENTS),
        (["device.*", "device.online"], "native", DEVICE_EVENTS),
        (
            ["command.*", "task.*", "result.orphaned"],
            "native",
            ["command.status", "result.orphaned", "task.finished"],
        ),
        (["*"], "iotda", ["command.status"]),
        (
            ["upgrade.*"],
            "oceanconnect",
            ["swUpgradeResultNotify", "swUpgradeStateChangeNotify"],
        ),
    ],
)
async def test_pattern(
    server: LocalServer, events: list[str], format_: str, shown: list[str]
) -> None:
    """
    A pattern stands for the events that begin so and have a body in the format.
    """
    created = await create_subscription(server, events=events, format=format_)

    assert shown == created["events"]


async def test_all(server: LocalServer) -> None:
    """
    `*` is every event there is, also in a change.
    """
    created = await create_subscription(server, events=["*"])
    path = f"/subscriptions/{created['id']}"
    changed = await server.api("PATCH", path, {"events": ["command.*"]})

    assert {"command.status", "shadow.status", *DEVICE_EVENTS} < {*created["events"]}
    assert ["command.status"] == changed.json()["events"]


@each_case(
    ("name", "format_"),
    [("comm*", "native"), ("x.*", "native"), (".*", "native"), ("device.*", "iotda")],
)
async def test_no_such_pattern(server: LocalServer, name: str, format_: str) -> None:
    """
    A pattern that stands for nothing is refused.
    """
    body = {**REQUEST, "events": ["command.status", name], "format": format_}
    answer = await server.api("POST", "/subscriptions", body)

    assert (422, "invalid", "/events/1") == answer.problem


async def test_stream(server: LocalServer) -> None:
    """
    A stream takes patterns, too.
    """
    async with open_event_stream(server, "events=task.*,command.*") as stream:
        await server.enqueue()

        assert "PENDING" == (await stream.next_data())["state"]
    answer = await server.api("GET", "/events?events=x.*")
    assert (422, "invalid", "/events/0") == answer.problem
