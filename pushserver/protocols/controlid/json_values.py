"""What the JSON values say that devices write: in strings, and for yes, no and nothing.

Firmware writes an object as a string that holds its JSON, sometimes more than once, and
a switch as a word or a number.
"""

import re

import msgspec

from pushserver.protocols.controlid.sloppy_json import read_json

_TRUE = (b"true", b"1", b'"true"', b'"1"')
_FALSE = (b"false", b"0", b'"false"', b'"0"')
_EMPTY = (b"", b"null", b'""', b"false", b"0", b"{}", b"[]")
#: An empty value may have spaces in it, or decimals; not very many.
_MAX_EMPTY_BYTES = 64
#: Words after a success, or in a response that cannot be read, that may deny it.
_DENIAL = re.compile("error|fail|false|denied", re.IGNORECASE)

_decode_string = msgspec.json.Decoder(str).decode
_decode = msgspec.json.Decoder().decode


def is_true(raw: bytes) -> bool:
    """Tell whether a value says yes."""
    return raw.lower() in _TRUE


def is_false(raw: bytes) -> bool:
    """Tell whether a value says no, which nothing does not."""
    return raw.lower() in _FALSE


def is_empty(raw: bytes) -> bool:
    """Tell whether a value, or the lack of one, says nothing."""
    return raw in _EMPTY or (len(raw) <= _MAX_EMPTY_BYTES and not _decode(raw))


def may_deny(text: str) -> bool:
    """Tell whether *text* has a word that may deny a success."""
    return _DENIAL.search(text) is not None


def read_whole_json(text: str) -> bytes:
    """
    Return the JSON in *text*, of which the end may be anything that denies nothing.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    value, rest = read_json(text)
    if rest and may_deny(rest):
        raise ValueError("an object, and then something else")
    return value


def unwrap_json_string(raw: bytes) -> bytes:
    """
    Return *raw*, or the JSON that it holds as a string, or as a string in a string.

    Raises:
        ValueError: it holds an object that is spoilt, and may be an error.
    """
    while raw[:1] == b'"':
        text = _decode_string(raw)
        try:
            raw = read_whole_json(text)
        except (ValueError, RecursionError):
            if text.lstrip()[:1] == "{" and may_deny(text):
                raise ValueError("a response that is spoilt") from None
            return raw
    return raw
