"""A command as a device reads it, and a result as it writes it."""

import json
from urllib.parse import parse_qs

import pytest

from pushserver.simulate import Form, Habits, Order, Outcome
from pushserver.simulate.order import Refused, written

ANSWER = Outcome(response={"users": [{"id": 1}]})
REFUSAL = Outcome(error="Node or attribute not found", code=1)


def test_reads_the_vendors_example() -> None:
    """
    A poll's answer becomes an order, with the vendor's defaults.
    """
    answer = b'{"endpoint":"load_objects","body":{"object":"users"}}'

    assert Order(
        endpoint="load_objects", body={"object": "users"}, verb="POST", uuid="u1"
    ) == Order.read(answer, uuid="u1")


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b"not json", b'[{"endpoint":"reboot"}]', b"null", b"\xff", b'"x"'],
)
def test_ignores_what_firmware_ignores(answer: bytes) -> None:
    """
    An empty object, an array and anything unreadable are no order.
    """
    assert Order.read(answer, uuid=None) is None


def test_query_string() -> None:
    """
    The parameters of a query string are read as a device reads them.
    """
    order = Order(endpoint="user_set_image", query_string="user_id=7&match=0")

    assert {"user_id": "7", "match": "0"} == order.query


def test_bytes_come_in_base64() -> None:
    """
    An octet-stream's body stands for the bytes; what is no base64 is refused.
    """
    assert b"\x00\x01" == Order(endpoint="x", body="AAE=").content()
    with pytest.raises(Refused):
        Order(endpoint="x", body="%%%").content()


def test_string_that_holds_json() -> None:
    """
    A body may be a string that holds the object, as the vendor's table has it.
    """
    assert {"a": 1} == Order(endpoint="x", body='{"a":1}').fields()


@pytest.mark.parametrize(
    ("habits", "content_type"),
    [
        (Habits(), "application/json"),
        (Habits(form=Form.FORM_TYPE), "application/x-www-form-urlencoded"),
        (Habits(form=Form.NO_TYPE), None),
    ],
)
def test_json_under_any_name(habits: Habits, content_type: str | None) -> None:
    """
    Three forms are the same JSON, each under its own content type.
    """
    body, kind = written(ANSWER, habits)

    assert content_type == kind
    assert {"response": ANSWER.response} == json.loads(body)


def test_stringified_response() -> None:
    """
    A response may be a string that holds JSON.
    """
    body, _ = written(ANSWER, Habits(stringified=True))

    assert ANSWER.response == json.loads(json.loads(body)["response"])


def test_form_fields() -> None:
    """
    A form's fields hold JSON, and an error's text as it is.
    """
    habits = Habits(form=Form.FORM_FIELDS)
    answer = parse_qs(written(ANSWER, habits)[0].decode())
    refusal = parse_qs(written(REFUSAL, habits)[0].decode())

    assert ANSWER.response == json.loads(answer["response"][0])
    assert {"error": ["Node or attribute not found"], "code": ["1"]} == refusal


def test_error_is_never_stringified() -> None:
    """
    An error is an error whatever the habits are.
    """
    body, _ = written(REFUSAL, Habits(stringified=True))

    assert {"error": REFUSAL.error, "code": 1} == json.loads(body)
