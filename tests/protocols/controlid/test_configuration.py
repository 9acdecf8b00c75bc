"""A device's services in Control iD's form."""

import json
from typing import Any

import pytest

from pushserver.errors import Invalid
from pushserver.protocols.controlid.configuration import (
    format_value,
    parse_reported,
    read_order,
    write_order,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("pt_BR", "pt_BR"),
        ("é☃", "é☃"),
        (True, "1"),
        (False, "0"),
        (0, "0"),
        (-5, "-5"),
        (2**63 - 1, "9223372036854775807"),
        (0.1, "0.1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (100.5, "100.5"),
    ],
)
def test_text(value: Any, expected: str) -> None:
    """
    Strings go as they are, switches as 1 and 0, numbers as short as can be.
    """
    assert expected == format_value(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null"),
        ([1], "an array"),
        ({"a": 1}, "an object"),
        (2**63, "out of range"),
        (float("inf"), "out of range"),
        (float("nan"), "out of range"),
    ],
)
def test_no_text(value: Any, reason: str) -> None:
    """
    A value that a device cannot have is refused, with the reason.
    """
    with pytest.raises(Invalid, match=reason):
        format_value(value)


def test_write() -> None:
    """
    One module is written with strings, as the vendor's page has it.
    """
    order = write_order("general", {"language": "pt_BR", "beep_sound_enabled": True})

    assert ("POST", "set_configuration") == (order.verb, order.endpoint)
    assert order.body is not None
    assert {"general": {"language": "pt_BR", "beep_sound_enabled": "1"}} == json.loads(
        order.body
    )


def test_read() -> None:
    """
    A device is asked for a list of keys of a module.
    """
    order = read_order("general", {"language", "beep_sound_enabled"})

    assert ("POST", "get_configuration") == (order.verb, order.endpoint)
    assert '{"general":["beep_sound_enabled","language"]}' == order.body


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b'{"general":{"language":"pt_BR"}}', {"language": "pt_BR"}),
        (
            b'{"general":{"a":1,"b":true,"c":null,"d":[1]}}',
            {"a": "1", "b": "1", "c": "null", "d": "[1]"},
        ),
        (b'{"general":{}}', {}),
        (b'{"other":{"a":"1"}}', None),
        (b"{}", None),
        (b'{"general":"x"}', None),
        (b"[]", None),
        (b'"x"', None),
        (b"\xff", None),
    ],
)
def test_reported(response: bytes, expected: Any) -> None:
    """
    The service's properties are read from a response, whatever else is in it.
    """
    assert expected == parse_reported(response, "general")
