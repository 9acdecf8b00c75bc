"""JSON as firmware writes it, mended so that every parser reads it.

Seen in the field: a C string's NUL at the end, line ends and tabs amid strings, commas
before a closing bracket, NaN, Windows-1252, one cut character amid UTF-8, text after
the object. What is mended is mended where it is spoilt; all else stays to the letter.
Everything here is linear in the length of what a device sent.
"""

import re
from collections.abc import Mapping
from itertools import accumulate, islice

import msgspec

#: What is no part of a text at its ends: spaces, a C string's NUL, a byte order mark.
_PADDING = " \t\r\n\0\ufeff"
_MAX_CHECKED_BYTES = 1024 * 1024
_MAX_DEPTH = 200
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_BYTE_STEPS = {ord(bracket): step for bracket, step in _STEPS.items()}
_NO_BRACKETS = bytes(b for b in range(256) if b not in _BYTE_STEPS)
# Whoever changes an expression: each character is looked at once. `*+` and `++` never
# give back what they took; what is not closed is matched to its end, so that nothing is
# tried again from the next character on.
_HEX4 = "[0-9a-fA-F]{4}"
_HIGH = r"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+'
_GOOD_STRING = (
    r'"[^"\\\0-\x1f]*+'
    rf'(?:\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F]){_HEX4})[^"\\\0-\x1f]*+)*+"'
)
_GOOD_NUMBER = (
    r"-?+[0-9]{1,308}+(?:\.[0-9]{1,308}+)?+(?:[eE][+-]?+[0-9]{1,2}+)?+(?![0-9.eE+-])"
)
_GOOD_COMMA = r",(?![ \t\r\n]*+[\]}])"
_BYTE_STRING = re.compile(_STRING.encode() + b'"?', re.DOTALL)
#: Too large for a float, or for Python's own JSON parser.
_HUGE_NUMBER = re.compile(rb"[:,\[\s]-?(?:[0-9.]+[eE][+-]?[0-9]{3,}|[0-9]{309,})")
_HUGE = re.compile(r"-?(?:NaN|Infinity|[0-9.]+[eE][+-]?[0-9]{3,}|[0-9]{309,})")
#: What may have to be mended, or nests, after all that is good.
_TOKEN = re.compile(
    rf'(?:[^"\[\]{{}},NI0-9-]++|{_GOOD_STRING}|{_GOOD_NUMBER}|{_GOOD_COMMA})*+'
    rf'(?:(?P<string>{_STRING}(?P<closed>"?))'
    r"|(?P<bracket>[\[\]{}])"
    r"|(?P<comma>,)"
    r"|(?P<number>-?(?:NaN|Infinity|[0-9][0-9.eE+-]*+))"
    r"|.|\Z)",
    re.DOTALL,
)
_CONTROL = re.compile("[\0-\x1f]")
_ESCAPED_CONTROLS = {code: f"\\u{code:04x}" for code in range(32)}
#: One of two escapes that make a character together; and what escapes nothing.
_HALF_CHARACTER = re.compile(rf"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")
#: Stands for an escaped backslash; no text has it.
_BACKSLASH = "\udfff"
_LONE_BACKSLASH = re.compile(rf'\\(?!["/bfnrt]|u{_HEX4})')
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_WINDOWS_1252 = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(128, 256)
}
#: So many characters of a text are replaced one by one; for more, all are looked at.
_FEW = 10_000
#: So many characters are looked at in some milliseconds.
_PIECE = 65_536
#: How much is mended, or nests, in what is read at all: about a second's work.
_MAX_TOKENS = 1_000_000
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode


def decode_text(raw: bytes) -> str:
    """Decode UTF-8; bytes that are none are read as Windows-1252, those alone."""
    text = raw.decode("utf-8", "surrogateescape").strip(_PADDING)
    if text.isascii():
        return text
    return _replace(_BAD_BYTE, _WINDOWS_1252, text)


def _replace(pattern: re.Pattern[str], table: Mapping[int, str], text: str) -> str:
    """Replace the characters that *pattern* finds, few or many, from *table*."""
    text, found = pattern.subn(lambda spoilt: table[ord(spoilt[0])], text, _FEW)
    if found < _FEW:
        return text
    # In pieces, because nothing else runs while one is translated.
    starts = range(0, len(text), _PIECE)
    return "".join(text[start : start + _PIECE].translate(table) for start in starts)


def check_json(body: bytes) -> None:
    """
    Refuse JSON that common parsers cannot handle: huge numbers, deep nesting.

    It would break every list that shows it. Very large bodies are not checked.

    Raises:
        ValueError: it may be such JSON.
    """
    if len(body) > _MAX_CHECKED_BYTES:
        return
    if _HUGE_NUMBER.search(body) is not None:
        raise ValueError("a number that may be too large")
    if body.count(b"[") + body.count(b"{") > _MAX_DEPTH and _depth(body) > _MAX_DEPTH:
        raise ValueError("nested too deeply")


def _depth(body: bytes) -> int:
    brackets = _BYTE_STRING.sub(b"", body).translate(None, delete=_NO_BRACKETS)
    return max(accumulate(map(_BYTE_STEPS.__getitem__, brackets)), default=0)


def read_json(text: str) -> tuple[bytes, str]:
    """
    Return the JSON that *text* is, mended where it has to be, and what follows it.

    Only an object may be followed by anything.

    Raises:
        ValueError: it is none, is cut off, or cannot be handled by common parsers.
        RecursionError: it is nested too deeply.
    """
    body = text.encode()
    try:
        check_json(body)
        return bytes(_decode_raw(body)), ""
    except ValueError:
        value, rest = _mend(text)
        return bytes(_decode_raw(value.encode())), rest


def _mend(text: str) -> tuple[str, str]:
    """Return the value that *text* begins with, mended, and the text after it."""
    text = text.strip(_PADDING)
    if text[:1] not in ("{", "[", '"'):
        raise ValueError("nothing that could be mended")
    pieces: list[str] = []
    done = end = depth = 0
    for token in islice(_TOKEN.finditer(text), _MAX_TOKENS):
        end = token.end()
        if token.lastgroup == "bracket":
            depth += _STEPS[text[end - 1]]
        elif token.lastgroup is not None:
            pieces += text[done : token.start(token.lastgroup)], _mend_token(token)
            done = end
        if not 0 < depth <= _MAX_DEPTH:
            break
    rest = text[end:].strip(_PADDING)
    if depth or (rest and text[0] != "{"):
        raise ValueError("cut off, nested too deeply, or more than a value")
    return "".join((*pieces, text[done:end])), rest


def _mend_token(token: re.Match[str]) -> str:
    match token.lastgroup:
        case "comma":
            return ""
        case "number":
            number = token["number"]
            return "null" if _HUGE.match(number) else number
    if not token["closed"]:
        raise ValueError("a string that is cut off")
    return _mend_string(token["string"])


def _mend_string(string: str) -> str:
    if "\\" in string:
        string = _mend_escapes(string)
    return _replace(_CONTROL, _ESCAPED_CONTROLS, string)


def _mend_escapes(string: str) -> str:
    """Escape the backslashes that escape nothing; replace halves of characters."""
    string = string.replace("\\\\", _BACKSLASH)
    string = _HALF_CHARACTER.sub(lambda _: "\\ufffd", string)
    string = _LONE_BACKSLASH.sub(lambda _: "\\\\", string)
    return string.replace(_BACKSLASH, "\\\\")
