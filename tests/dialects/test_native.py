"""The native body of each event, to the byte."""

import json

import msgspec
import pytest

from pushserver.clock import SECOND
from pushserver.dialects.native import native_body, ping_body
from pushserver.model.event import EventType
from pushserver.model.event_payload import (
    DevicePayload,
    OperationPayload,
    ResultPayload,
    TaskPayload,
)
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState
from pushserver.protocols.controlid.result import parse_result
from tests.clock import START
from tests.dialects.events import COMMAND, OPERATION, command_event, event
from tests.model.factories import DEVICE

DEVICE_KINDS = [kind for kind in EventType if kind.value.startswith("device.")]
HEAD = b'","timestamp":"2026-01-01T00:00:00.001500Z","data":{'


def thin(state: CommandState, parsed: ParsedResult | None) -> dict[str, object]:
    """Return the data that is sent without `include`."""
    body = native_body(
        command_event(state), parsed, device_id=str(DEVICE), include_result=False
    )
    data: dict[str, object] = json.loads(body)["data"]
    return data


def test_command() -> None:
    """A command's body is compact, with ids as strings and absent values left out."""
    body = native_body(
        command_event(CommandState.PENDING),
        None,
        device_id=str(DEVICE),
        include_result=False,
    )

    assert (
        b'{"type":"command.status","timestamp":"2026-01-01T00:00:00.001500Z",'
        b'"data":{"commandId":"265000000000000003","deviceId":"6613047045004349123",'
        b'"sequence":4,"state":"PENDING","endpoint":"load_objects",'
        b'"createdAt":"2026-01-01T00:00:00.000000Z"}}' == body
    )


def test_command_with_all() -> None:
    """All instants and the operation are sent; the result's number is not."""
    payload = command_event(
        CommandState.SUCCESSFUL,
        sent_at=START + SECOND,
        delivered_at=START + 2 * SECOND,
        finished_at=START + 3 * SECOND,
        operation_id=OPERATION,
        result_id=7,
    )

    body = native_body(payload, None, device_id=str(DEVICE), include_result=False)

    assert body.endswith(
        b'"createdAt":"2026-01-01T00:00:00.000000Z",'
        b'"sentAt":"2026-01-01T00:00:01.000000Z",'
        b'"deliveredAt":"2026-01-01T00:00:02.000000Z",'
        b'"finishedAt":"2026-01-01T00:00:03.000000Z",'
        b'"operationId":"265000000000000005"}}'
    )


@pytest.mark.parametrize("state", CommandState)
def test_states(state: CommandState) -> None:
    """Each state is sent by its name."""
    assert state.value == thin(state, None)["state"]


def test_error() -> None:
    """The device's error is always sent; its code and its response are not."""
    failed = parse_result(b'{"error":"no such user","code":3}')

    data = thin(CommandState.FAILED, failed)

    assert "no such user" == data["error"]
    assert "code" not in data


def test_response_is_withheld() -> None:
    """Unless it was asked for, a device's response is not sent."""
    body = native_body(
        command_event(CommandState.SUCCESSFUL),
        parse_result(b'{"response":{"users":[{"name":"Walter"}]},"code":0}'),
        device_id=str(DEVICE),
        include_result=False,
    )

    assert b"Walter" not in body
    assert {"response", "code", "error"}.isdisjoint(json.loads(body)["data"])


@pytest.mark.parametrize(
    ("posted", "payload"),
    [
        (b'{"response":{"b":1, "a":[]}}', b'"response":{"b":1, "a":[]}'),
        (b'{"response":"text","code":12}', b'"response":"text","code":12'),
        (b'{"error":{"n":1},"code":"x"}', b'"error":{"n":1},"code":"x"'),
        (b"", b'"createdAt":"2026-01-01T00:00:00.000000Z"'),
        (b"\xff\xfe", b'"unreadable":true'),
    ],
)
def test_result_included(posted: bytes, payload: bytes) -> None:
    """If it was asked for, what the device posted is sent byte for byte."""
    body = native_body(
        command_event(CommandState.SUCCESSFUL),
        parse_result(posted),
        device_id=str(DEVICE),
        include_result=True,
    )

    assert body.endswith(payload + b"}}")


@pytest.mark.parametrize("kind", [k for k in EventType if k.startswith("operation.")])
def test_operation(kind: EventType) -> None:
    """An operation's body has its device, and its task if it belongs to one."""
    payload = OperationPayload(OPERATION, "RUNNING", 50, "packages", 9, "half way")

    body = native_body(
        event(kind, payload), None, device_id=str(DEVICE), include_result=False
    )

    assert (
        b'{"type":"' + kind.encode() + HEAD + b'"operationId":"265000000000000005",'
        b'"deviceId":"6613047045004349123","status":"RUNNING","progress":50,'
        b'"resource":"packages","taskId":"9","message":"half way"}}' == body
    )


def test_task() -> None:
    """A task's body has the counts, those of nought, too, and no device."""
    payload = TaskPayload(9, "COMPLETED", completed=3, failed=0, stale=0, name="Update")

    body = native_body(
        event(EventType.TASK_FINISHED, payload, device_id=None),
        None,
        device_id=str(DEVICE),
        include_result=False,
    )

    assert (
        b'{"type":"task.finished' + HEAD + b'"taskId":"9","state":"COMPLETED",'
        b'"completed":3,"failed":0,"stale":0,"name":"Update"}}' == body
    )


@pytest.mark.parametrize("kind", DEVICE_KINDS)
def test_device(kind: EventType) -> None:
    """A device's body says when it was last seen, where, and what is odd."""
    payload = DevicePayload(last_seen_at=START, address="192.0.2.7", reason="noKey")

    body = native_body(
        event(kind, payload), None, device_id=str(DEVICE), include_result=False
    )

    assert (
        b'{"type":"' + kind.encode() + HEAD + b'"deviceId":"6613047045004349123",'
        b'"lastSeenAt":"2026-01-01T00:00:00.000000Z","address":"192.0.2.7",'
        b'"reason":"noKey"}}' == body
    )


def test_orphan() -> None:
    """An orphan's body says which result it is, and not what is in it."""
    payload = ResultPayload(7, uuid="u-1", endpoint="load_objects")

    body = native_body(
        event(EventType.RESULT_ORPHANED, payload),
        parse_result(b'{"response":{"name":"Walter"}}'),
        device_id=str(DEVICE),
        include_result=True,
    )

    assert (
        b'{"type":"result.orphaned' + HEAD + b'"resultId":"7",'
        b'"deviceId":"6613047045004349123","uuid":"u-1","endpoint":"load_objects"}}'
        == body
    )


@pytest.mark.parametrize(
    ("kind", "payload", "present"),
    [
        (EventType.DEVICE_ONLINE, DevicePayload(), {"deviceId"}),
        (EventType.RESULT_ORPHANED, ResultPayload(7), {"resultId", "deviceId"}),
        (
            EventType.OPERATION_PROGRESS,
            OperationPayload(1, "RUNNING", 0, "packages"),
            {"operationId", "deviceId", "status", "progress", "resource"},
        ),
    ],
)
def test_absent(kind: EventType, payload: msgspec.Struct, present: set[str]) -> None:
    """Absent values are left out, never null."""
    body = native_body(
        event(kind, payload), None, device_id=str(DEVICE), include_result=True
    )

    assert present == set(json.loads(body)["data"])


def test_ping() -> None:
    """A ping says whose it is."""
    assert (
        b'{"type":"ping","timestamp":"2026-01-01T00:00:00.000000Z",'
        b'"data":{"subscriptionId":"265000000000000003"}}' == ping_body(COMMAND, START)
    )
