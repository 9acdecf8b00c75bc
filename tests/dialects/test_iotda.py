"""The push of a command's status, as IoTDA's page has it."""

import json
from datetime import datetime
from typing import Any

import attrs
import pytest

from pushserver.clock import from_datetime
from pushserver.dialects.iotda import iotda_body
from pushserver.model.state import CommandState
from pushserver.protocols.controlid.result import parse_result
from tests.clock import START
from tests.dialects.events import COMMAND, command_event
from tests.model.factories import DEVICE

#: The page's example, with our ids in the places of those that the platform makes.
EXAMPLE = """
{
  "resource" : "device.commmad.status",
  "event" : "update",
  "event_time" : "20190303T081011Z",
  "event_time_ms" : "2019-03-03T08:10:11.000Z",
  "request_id" : "REQUEST",
  "notify_data" : {
    "header" : {
      "device_id" : "6613047045004349123",
      "product_id" : "ABC123456789",
      "app_id" : "d4922d8a-6c8e-4396-852c-164aefa6638f",
      "gateway_id" : "6613047045004349123",
      "node_id" : "ABC123456789",
      "tags" : [ {
        "tag_value" : "testTagValue",
        "tag_key" : "testTagName"
      } ]
    },
    "body" : {
      "result" : {
        "key" : "value"
      },
      "created_time" : "20151212T121212Z",
      "sent_time" : "20151212T121212Z",
      "command_id" : "265000000000000003",
      "delivered_time" : "20151212T131212Z",
      "response_time" : "20151212T131212Z",
      "status" : "SUCCESSFUL"
    }
  }
}
"""
APP = "d4922d8a-6c8e-4396-852c-164aefa6638f"


def instant(text: str) -> int:
    """Return an instant of the page's example."""
    return from_datetime(datetime.fromisoformat(text))


def decoded(body: bytes) -> Any:
    """Return the body that is pushed for the command."""
    return json.loads(body)["notify_data"]["body"]


def decoded_push(
    state: CommandState, posted: bytes | None = None, **fields: Any
) -> Any:
    """Return the body for a command in *state* whose device *posted* a result."""
    body = iotda_body(
        command_event(state, **fields),
        device_id=str(DEVICE),
        app_id="app",
        tags={},
        parsed_result=None if posted is None else parse_result(posted),
        resource_name=None,
    )
    return decoded(body)


def header(tags: dict[str, str]) -> Any:
    """Return the header for a device with *tags*."""
    body = iotda_body(
        command_event(CommandState.PENDING),
        device_id=str(DEVICE),
        app_id="app",
        tags=tags,
        parsed_result=None,
        resource_name=None,
    )
    return json.loads(body)["notify_data"]["header"]


def test_example() -> None:
    """The page's example is reproduced key by key, in its order, compact."""
    created, answered = (
        instant("2015-12-12T12:12:12Z"),
        instant("2015-12-12T13:12:12Z"),
    )
    body = iotda_body(
        command_event(
            CommandState.SUCCESSFUL,
            at=instant("2019-03-03T08:10:11Z"),
            created_at=created,
            sent_at=created,
            delivered_at=answered,
            finished_at=answered,
        ),
        device_id=str(DEVICE),
        app_id=APP,
        tags={
            "testTagName": "testTagValue",
            "product_id": "ABC123456789",
            "node_id": "ABC123456789",
        },
        parsed_result=parse_result(b'{"response":{"key":"value"}}'),
        resource_name="device.commmad.status",
    )

    request = json.loads(body)["request_id"]
    page = json.loads(EXAMPLE.replace("REQUEST", request))
    assert json.dumps(page, separators=(",", ":")).encode() == body


def test_least() -> None:
    """Unknown fields are left out; those that the page demands are there."""
    body = iotda_body(
        command_event(CommandState.PENDING),
        device_id=str(DEVICE),
        app_id="app",
        tags={},
        parsed_result=None,
        resource_name=None,
    )

    assert {
        "resource": "device.command.status",
        "event": "update",
        "event_time": "20260101T000000Z",
        "event_time_ms": "2026-01-01T00:00:00.001Z",
        "request_id": json.loads(body)["request_id"],
        "notify_data": {
            "header": {
                "device_id": str(DEVICE),
                "app_id": "app",
                "gateway_id": str(DEVICE),
            },
            "body": {
                "created_time": "20260101T000000Z",
                "command_id": str(COMMAND),
                "status": "PENDING",
            },
        },
    } == json.loads(body)


@pytest.mark.parametrize("state", CommandState)
def test_status(state: CommandState) -> None:
    """Each state is one of the page's seven; a canceled command is shown as expired."""
    expected = "EXPIRED" if state is CommandState.CANCELED else state.value

    assert expected == decoded_push(state)["status"]


@pytest.mark.parametrize("state", CommandState)
def test_response_time(state: CommandState) -> None:
    """Only a result gives a response time, though other ends have an instant, too."""
    answered = state in (CommandState.SUCCESSFUL, CommandState.FAILED)

    assert answered == ("response_time" in decoded_push(state, finished_at=START))


@pytest.mark.parametrize(
    ("posted", "result"),
    [
        (b'{"response":{"users":[]},"code":0}', {"users": []}),
        (b'{"response":" {\\"a\\":1}"}', {"a": 1}),
        (b'{"response":{}}', {}),
        (b'{"users":[]}', {"users": []}),
        (b'{"response":"done"}', {"response": "done"}),
        (b'{"response":[1,2],"code":4}', {"response": [1, 2], "code": 4}),
        (b'{"error":"no such user"}', {"error": "no such user"}),
        (b'{"error":{"n":1},"code":3}', {"error": {"n": 1}, "code": 3}),
        (b'{"error":"broken","code":null}', {"error": "broken"}),
    ],
)
def test_result(posted: bytes, result: object) -> None:
    """A result is an object: the response itself, or what the device posted."""
    state = CommandState.FAILED if b"error" in posted else CommandState.SUCCESSFUL

    assert result == decoded_push(state, posted)["result"]


@pytest.mark.parametrize("posted", [None, b"", b"\xff", b'{"response":null}'])
def test_no_result(posted: bytes | None) -> None:
    """A result that says nothing is left out, never null."""
    assert "result" not in decoded_push(CommandState.SUCCESSFUL, posted)


@pytest.mark.parametrize(
    "state", [CommandState.PENDING, CommandState.TIMEOUT, CommandState.EXPIRED]
)
def test_no_result_yet(state: CommandState) -> None:
    """A command that no result ended has none, whatever was found."""
    assert "result" not in decoded_push(state, b'{"response":{"a":1}}')


def test_result_as_given() -> None:
    """A response is passed on to the byte: its order, its numbers, its spelling."""
    response = b'{"z":1.0, "a":1e2, "u":"\\u00fc", "z":2}'
    body = iotda_body(
        command_event(CommandState.SUCCESSFUL),
        device_id=str(DEVICE),
        app_id="app",
        tags={},
        parsed_result=parse_result(b'{"response":' + response + b"}"),
        resource_name=None,
    )

    assert b'"result":' + response + b"," in body


def test_tags() -> None:
    """Ten tags are shown, the first by their keys."""
    tags = {f"k{number:02}": "v" for number in reversed(range(12))}

    shown_tags = header(tags)["tags"]

    assert [f"k{number:02}" for number in range(10)] == [
        tag["tag_key"] for tag in shown_tags
    ]
    assert {"tag_value": "v", "tag_key": "k00"} == shown_tags[0]


def test_header_from_tags() -> None:
    """The product and the node come from tags of these names, and are not repeated."""
    shown = header({"product_id": "iDFace", "node_id": "0A1B"})

    assert ("iDFace", "0A1B") == (shown["product_id"], shown["node_id"])
    assert "tags" not in shown


def test_retries_are_equal() -> None:
    """The same event gives the same bytes, another one another request id."""
    one = command_event(CommandState.SENT)
    other = attrs.evolve(one, id=one.id + 1)

    first, again, another = (
        iotda_body(
            each,
            device_id=str(DEVICE),
            app_id="app",
            tags={},
            parsed_result=None,
            resource_name=None,
        )
        for each in (one, one, other)
    )

    assert first == again
    assert json.loads(first)["request_id"] != json.loads(another)["request_id"]
