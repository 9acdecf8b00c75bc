"""Requests are found again: by their ids, and by the traces that they belong to."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from structlog.testing import capture_logs

from pushserver.web.api import ROUTES
from pushserver.web.api.route import ApiRoute
from tests.each_case import each_case
from tests.web.api.operations import STEP
from tests.web.api.tasks import create_task, run_steps
from tests.web.event_stream import open_event_stream
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer

PATH = f"/devices/{DEVICE}/commands"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
HEADERS = {"X-Request-Id": "door-7", "traceparent": TRACEPARENT}


def request_lines(logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the lines of requests."""
    return [line for line in logs if line["event"] == "request"]


@each_case(
    "route",
    [route for route in ROUTES if route.name != "streamEvents"],
    ids=lambda route: route.name,
)
async def test_every_call(server: LocalServer, route: ApiRoute) -> None:
    """
    Every answer has the id that its request came with; a problem tells it, too.
    """
    path = re.sub(r"\{\w+\}", "1", route.path)
    with capture_logs() as logs:
        answer = await server.api(route.method, path, headers=HEADERS)

    assert "door-7" == answer.headers["X-Request-Id"]
    if answer.headers.get("Content-Type") == "application/problem+json":
        assert "door-7" == answer.json()["requestId"]
    lines = [(each["request_id"], each["trace_id"]) for each in request_lines(logs)]
    assert [("door-7", TRACE_ID)] == lines


@each_case(
    ("method", "path", "token", "status"),
    [
        ("POST", PATH, None, 401),
        ("GET", "/nothing", "any", 404),
        ("PATCH", "/tokens", "any", 405),
        ("HEAD", "/commands", None, 401),
    ],
)
async def test_refused(
    server: LocalServer, method: str, path: str, token: str | None, status: int
) -> None:
    """
    So has what is refused before a call is found; without an id, it is given one.
    """
    answer = await server.api(method, path, token=token)

    assert status == answer.status
    assert 16 == len(answer.headers["X-Request-Id"])
    if method != "HEAD":
        assert answer.headers["X-Request-Id"] == answer.json()["requestId"]


async def test_kapua(server_of_all_faces: LocalServer) -> None:
    """
    Kapua's clients get the id in the header alone; bodies are as Kapua's.
    """
    path = "/v1/_/devices/AQ/operations"
    answer = await server_of_all_faces.request("GET", path, headers=HEADERS)

    assert (401, b"", "door-7") == (
        answer.status,
        answer.body,
        answer.headers["X-Request-Id"],
    )


async def test_devices_answers(server: LocalServer) -> None:
    """
    Devices get what they always got, whatever they send.
    """
    await server.enqueue()
    asked = [
        await server.request("GET", f"{path}?deviceId={DEVICE}", headers=HEADERS)
        for path in ("/push", "/push", "/api/v1/push", "/nothing")
    ]
    asked.append(await server.request("GET", "/push", headers=HEADERS))
    asked.append(await server.post_result(headers=HEADERS))

    assert [200, 200, 200, 404, 400, 200] == [each.status for each in asked]
    assert not any({"X-Request-Id", "traceparent"} & {*a.headers} for a in asked)
    assert not any(b"door-7" in each.body for each in asked)


async def test_a_door_from_end_to_end(server: LocalServer) -> None:
    """
    One trace leads from the call, over the poll, to the result, and to what is shown.
    """
    with capture_logs() as logs:
        answer = await server.api("POST", PATH, LOAD_USERS, headers=HEADERS)
        await server.poll()
        await server.post_result()

    shown = await server.get_command(answer.json()["id"])
    assert [TRACE_ID] * 3 == [line["trace_id"] for line in request_lines(logs)]
    assert ("door-7", TRACE_ID) == (shown["requestId"], shown["traceId"])


@each_case(
    "given",
    [
        {},
        {"traceparent": "00-1-2-3"},
        {"traceparent": TRACEPARENT.upper()},
        {"traceparent": f"{TRACEPARENT}, {TRACEPARENT}"},
    ],
)
async def test_no_valid_trace(server: LocalServer, given: Mapping[str, str]) -> None:
    """
    A request without a valid trace begins one of its own.
    """
    with capture_logs() as logs:
        answer = await server.api("POST", PATH, LOAD_USERS, headers=given)

    (line,) = request_lines(logs)
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])
    assert TRACE_ID != line["trace_id"]
    assert line["trace_id"] == answer.json()["traceId"]


async def test_steps(server_with_devices: LocalServer) -> None:
    """
    Each step of an operation or a task has the trace of the call that made it.
    """
    server, plan = server_with_devices, {"steps": [STEP, STEP]}
    await server.api("POST", "/operations", {"deviceId": 1, **plan}, headers=HEADERS)
    await run_steps(server, 1)
    await run_steps(server, 1)
    targets = {"targets": {"deviceIds": [2]}}
    await server.api("POST", "/tasks", {**targets, **plan}, headers=HEADERS)
    await server.services.task_scheduler.advance()
    await run_steps(server, 2)
    await run_steps(server, 2)

    made = (await server.api("GET", "/commands")).json()["items"]
    assert [("door-7", TRACE_ID)] * 4 == [(c["requestId"], c["traceId"]) for c in made]


async def test_retried_task(server_with_devices: LocalServer) -> None:
    """
    What retries a task gives the new commands its own trace.
    """
    server = server_with_devices
    task = await create_task(server, targets={"deviceIds": [1]})
    await run_steps(server, 1, body=b'{"error":"busy"}')
    await server.api("POST", f"/tasks/{task['id']}/retry", headers=HEADERS)
    await server.services.task_scheduler.advance()

    new, old = (await server.api("GET", "/commands")).json()["items"]
    assert ("door-7", TRACE_ID) == (new["requestId"], new["traceId"])
    assert TRACE_ID != old["traceId"]


async def test_events(server: LocalServer) -> None:
    """
    What is sent of a command names the call that enqueued it; so does the stream.
    """
    async with open_event_stream(server) as stream:
        await server.api("POST", PATH, LOAD_USERS, headers=HEADERS)
        await server.poll()
        await server.post_result()
        received = [await stream.next_data() for _ in range(4)]

    assert 16 == len(stream.response.headers["X-Request-Id"])
    assert "SUCCESSFUL" == received[-1]["state"]
    assert {("door-7", TRACE_ID)} == {(e["requestId"], e["traceId"]) for e in received}
