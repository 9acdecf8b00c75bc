"""A command as a device reads it, and a result as it writes it."""

import json
from urllib.parse import parse_qs

import pytest

from pushserver.simulate import ExecutionResult, Quirks, ReceivedCommand, ResultFormat
from pushserver.simulate.messages import DeviceError, encode_result

ANSWER = ExecutionResult(response={"users": [{"id": 1}]})
REFUSAL = ExecutionResult(error="Node or attribute not found", code=1)


def test_reads_the_vendors_example() -> None:
    """
    A poll's answer becomes an order, with the vendor's defaults.
    """
    answer = b'{"endpoint":"load_objects","body":{"object":"users"}}'

    assert ReceivedCommand(
        endpoint="load_objects", body={"object": "users"}, verb="POST", uuid="u1"
    ) == ReceivedCommand.parse(answer, uuid="u1")


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b"not json", b'[{"endpoint":"reboot"}]', b"null", b"\xff", b'"x"'],
)
def test_ignores_what_firmware_ignores(answer: bytes) -> None:
    """
    An empty object, an array and anything unreadable are no order.
    """
    assert ReceivedCommand.parse(answer, uuid=None) is None


def test_query_string() -> None:
    """
    The parameters of a query string are read as a device reads them.
    """
    order = ReceivedCommand(endpoint="user_set_image", query_string="user_id=7&match=0")

    assert {"user_id": "7", "match": "0"} == order.query


def test_bytes_come_in_base64() -> None:
    """
    An octet-stream's body stands for the bytes; what is no base64 is refused.
    """
    assert b"\x00\x01" == ReceivedCommand(endpoint="x", body="AAE=").decode_bytes()
    with pytest.raises(DeviceError):
        ReceivedCommand(endpoint="x", body="%%%").decode_bytes()


def test_string_that_holds_json() -> None:
    """
    A body may be a string that holds the object, as the vendor's table has it.
    """
    assert {"a": 1} == ReceivedCommand(endpoint="x", body='{"a":1}').decode_object()


@pytest.mark.parametrize(
    ("habits", "content_type"),
    [
        (Quirks(), "application/json"),
        (
            Quirks(result_format=ResultFormat.FORM_TYPE),
            "application/x-www-form-urlencoded",
        ),
        (Quirks(result_format=ResultFormat.NO_TYPE), None),
    ],
)
def test_json_under_any_name(habits: Quirks, content_type: str | None) -> None:
    """
    Three forms are the same JSON, each under its own content type.
    """
    body, kind = encode_result(ANSWER, habits)

    assert content_type == kind
    assert {"response": ANSWER.response} == json.loads(body)


def test_stringified_response() -> None:
    """
    A response may be a string that holds JSON.
    """
    body, _ = encode_result(ANSWER, Quirks(stringified=True))

    assert ANSWER.response == json.loads(json.loads(body)["response"])


def test_form_fields() -> None:
    """
    A form's fields hold JSON, and an error's text as it is.
    """
    habits = Quirks(result_format=ResultFormat.FORM_FIELDS)
    answer = parse_qs(encode_result(ANSWER, habits)[0].decode())
    refusal = parse_qs(encode_result(REFUSAL, habits)[0].decode())

    assert ANSWER.response == json.loads(answer["response"][0])
    assert {"error": ["Node or attribute not found"], "code": ["1"]} == refusal


def test_error_is_never_stringified() -> None:
    """
    An error is an error whatever the habits are.
    """
    body, _ = encode_result(REFUSAL, Quirks(stringified=True))

    assert {"error": REFUSAL.error, "code": 1} == json.loads(body)
