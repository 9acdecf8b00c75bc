"""The answer to a poll, to the letter of the vendor's page."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.model.order import Order
from pushserver.protocols.base import HandedOut
from pushserver.protocols.controlid.answer import render
from pushserver.protocols.controlid.order import make_order
from tests.model.factories import command, delivery

#: Any value that JSON can carry, with numbers beyond every float's reach.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def base64_json(data: bytes) -> bytes:
    """Return raw bytes as the one string of base64 that orders carry them in."""
    return json.dumps(base64.b64encode(data).decode()).encode()


def poll_response(order: Order) -> bytes:
    """Return the body that hands *order* out."""
    return render([HandedOut(order, delivery(command()))])


def test_the_vendors_example() -> None:
    """The example of the vendor's page comes out as it is printed there."""
    order = make_order(endpoint="load_objects", body=b'{"object":"users"}')

    assert (
        b'{"verb":"POST","endpoint":"load_objects","body":{"object":"users"},'
        b'"contentType":"application/json"}'
    ) == poll_response(order)


def test_everything() -> None:
    """All five fields come in the order of the vendor's table."""
    order = make_order(
        verb="GET",
        endpoint="user_list_images",
        body=b"{}",
        query_string="get_timestamp=1",
    )

    assert (
        b'{"verb":"GET","endpoint":"user_list_images","body":{},'
        b'"contentType":"application/json","queryString":"get_timestamp=1"}'
    ) == poll_response(order)


def test_without_body() -> None:
    """Fields that were not given are left out."""
    assert (
        b'{"verb":"POST","endpoint":"system_information",'
        b'"contentType":"application/json"}'
    ) == poll_response(make_order(endpoint="system_information"))


def test_photo() -> None:
    """Bytes travel as one string of base64; the parameters in the query string."""
    photo = bytes(range(256)) * 40
    order = make_order(
        endpoint="user_set_image",
        body=base64_json(photo),
        content_type="application/octet-stream",
        query_string={"user_id": 7, "timestamp": 1_700_000_000, "match": False},
    )

    sent = msgspec.json.decode(poll_response(order))

    assert photo == base64.b64decode(sent.pop("body"), validate=True)
    assert {
        "verb": "POST",
        "endpoint": "user_set_image",
        "contentType": "application/octet-stream",
        "queryString": "user_id=7&timestamp=1700000000&match=0",
    } == sent


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":9007199254740993}',
        b'{"id":123456789012345678901234567890}',
        b'{"x":1.10,"y":1e400,"z":-0.0}',
        b'"a string goes out as that string"',
        b'{"b":1,"a":2,"b":3}',
        b"[1, 2,\n 3]",
        '{"name":"João ☃ \U0001f600"}'.encode(),
        b'{"name":"Jo\\u00e3o"}',
        b"null",
    ],
)
def test_body_to_the_byte(body: bytes) -> None:
    """The body goes out as it came in: no digit, no key and no space is touched."""
    assert b'"body":' + body + b"," in poll_response(
        make_order(endpoint="x", body=body)
    )


@given(value=JSON)
def test_any_body(value: object) -> None:
    """Any JSON value is read by the device as the program gave it."""
    order = make_order(endpoint="x", body=json.dumps(value).encode())

    assert value == json.loads(poll_response(order))["body"]


@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Any bytes arrive at the device byte for byte."""
    order = make_order(
        endpoint="x", body=base64_json(data), content_type="application/octet-stream"
    )

    assert data == base64.b64decode(msgspec.json.decode(poll_response(order))["body"])
