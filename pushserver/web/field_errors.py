"""Says what a field must be that is wrong: msgspec's phrases in our words."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from pushserver.errors import Invalid
from pushserver.web.field_types import allowed_values, field_names, pattern_words

#: What a field with an instant must be, as errors say it.
INSTANT = "an instant with its offset from UTC, such as 2026-01-31T00:00:00Z"

#: How much is shown of a value or a name that is none of those allowed.
_MAX_SHOWN = 100
_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "bytes": "text in base64",
    "datetime": INSTANT,
    "uuid": "a UUID",
}
#: What came, where it is called otherwise than what was expected.
_GIVEN = {"float": "a fraction", "bool": "a truth value"}
_COUNTED = {"array": "item", "object": "field", "bytes": "byte"}
_SIGNS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_OTHERS = {
    "Invalid base64 encoded string": "This must be text in base64.",
    "Invalid UUID": "This must be a UUID.",
    "Invalid RFC3339 encoded datetime": f"This must be {INSTANT}.",
    "Invalid epoch timestamp": f"This must be {INSTANT}.",
    "Timestamp is out of range": "This instant is too far away.",
    "Integer value out of range": "This number is too large.",
    "Number out of range": "This number is too large.",
}
_TYPES = re.compile(r"Expected `([^`]*)`(?:, got `([^`]*)`)?")
_BOUND = re.compile(r"Expected `(\w+)` (of length )?([<>]=?) (\S+)")
_LENGTH = re.compile(r"Expected `array` of (at least |at most )?length (\d+)")
_MULTIPLE = re.compile(r"Expected `(\w+)` that's a multiple of (\S+)")
_PATTERN = "Expected `str` matching regex "
_UNKNOWN = "Object contains unknown field `"
_MISSING = "Object missing required field `"
_NO_CHOICE = re.compile(r"Invalid (?:enum )?value (.*)", re.DOTALL)


def invalid_from_msgspec(error: msgspec.ValidationError, target_type: Any) -> Invalid:
    """
    Return msgspec's validation error as ours: in words, its path as a JSON pointer.

    *target_type* is what was to be decoded: it knows what is allowed.
    """
    phrase, path, is_key = _split(str(error))
    # msgspec writes `[...]` for a value of a mapping and does not tell its key.
    plain = path.removeprefix("$").replace("[...]", "")
    pointer = plain.replace("[", "/").replace("]", "").replace(".", "/")
    for start in (_UNKNOWN, _MISSING):
        if phrase.startswith(start):
            pointer = f"{pointer}/{phrase.removeprefix(start).rstrip('`')}"
    text = _sentence(phrase, target_type, path, is_key=is_key)
    if is_key:
        text = text.replace("This must", "A key must", 1)
    return Invalid(text, pointer=pointer or None)


def _split(message: str) -> tuple[str, str, bool]:
    """Return the phrase, the path, and whether it is about a key of what is there."""
    phrase, found, path = message.rpartition(" - at `")
    if not found:
        return message, "$", False
    if not path.startswith("key` in `"):
        return phrase, path.rstrip("`"), False
    return phrase, path.removeprefix("key` in `").rstrip("`"), True


def _sentence(phrase: str, target_type: Any, path: str, *, is_key: bool) -> str:
    """Return what is wrong, as a sentence."""
    if phrase.startswith(_MISSING):
        return "This field is required."
    if phrase.startswith(_UNKNOWN):
        names = field_names(target_type, path)
        unknown = _shortened(phrase.removeprefix(_UNKNOWN).rstrip("`"))
        return f"There is no field {unknown}; there are {', '.join(names)}."
    if (wrong := _NO_CHOICE.fullmatch(phrase)) is not None:
        return _no_choice(allowed_values(target_type, path), wrong[1])
    if phrase.startswith(_PATTERN):
        words = pattern_words(target_type, path, is_key=is_key)
        return f"This must be {words or phrase.removeprefix('Expected ')}."
    return _OTHERS.get(phrase) or _limit(phrase) or _wrong_type(phrase) or f"{phrase}."


def _no_choice(allowed: Iterable[str], given: str) -> str:
    if choices := ", ".join(allowed):
        return f"This must be one of {choices}, not {_shortened(given)}."
    return f"This may not be {_shortened(given)}."


def _shortened(given: str) -> str:
    return given if len(given) <= _MAX_SHOWN else f"{given[:_MAX_SHOWN]}…"


def _limit(phrase: str) -> str | None:
    """Return what is said of a number or a length outside its bounds."""
    if (match := _BOUND.fullmatch(phrase)) is not None:
        kind, is_length, sign, bound = match.groups()
        limit = f"{_SIGNS[sign]} {bound.removesuffix('.0')}"
        return f"This must be {_NOUNS[kind]} {limit}{_unit(kind, is_length, bound)}."
    if (match := _LENGTH.match(phrase)) is not None:
        how, length = match.groups()
        limit = f"of {how or ''}{length}{_unit('array', 'length', length)}"
        return f"This must be an array {limit}."
    if (match := _MULTIPLE.fullmatch(phrase)) is not None:
        return f"This must be a multiple of {match[2]}."
    return None


def _unit(kind: str, is_length: str | None, bound: str) -> str:
    """Return what a length counts."""
    if not is_length:
        return ""
    return f" {_COUNTED.get(kind, 'character')}{'' if bound == '1' else 's'}"


def _wrong_type(phrase: str) -> str | None:
    """Return what is said of a value of another type than it must have."""
    match = _TYPES.match(phrase)
    if match is None:
        return None
    expected, given = match[1].split(" | "), match[2]
    if "datetime" in expected:
        # However else an instant was written, this is how.
        return f"This must be {INSTANT}."
    # Each whole number is a number.
    names = [n for n in expected if n != "int" or "float" not in expected]
    *others, last = [_NOUNS.get(name, name) for name in names]
    words = f"{', '.join(others)} or {last}" if others else last
    if given is None or given in expected:
        return f"This must be {words}."
    return f"This must be {words}, not {_GIVEN.get(given) or _NOUNS.get(given, given)}."
