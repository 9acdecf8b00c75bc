"""What a field must be that is wrong, in words for people."""

import enum
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta, inspect

from pushserver.web.api import ROUTES
from pushserver.web.field_errors import INSTANT, invalid_from_msgspec
from pushserver.web.field_types import PATTERN_WORDS


class Colour(enum.StrEnum):
    """Some words."""

    RED = "red"
    BLUE = "blue"


class Paint(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Something with fields."""

    main_colour: Colour
    layers: Annotated[int, Meta(ge=1, le=9)] = 1


Name = Annotated[str, Meta(pattern="^[a-z]+$", extra={PATTERN_WORDS: "small letters"})]

#: (type, JSON, what is said)
PHRASES: tuple[tuple[Any, str, str], ...] = (
    (int, '"x"', "This must be a whole number, not text."),
    (int, "1.5", "This must be a whole number, not a fraction."),
    (int, "null", "This must be a whole number, not null."),
    (int | None, "[]", "This must be a whole number or null, not an array."),
    (float | None, '"x"', "This must be a number or null, not text."),
    (int | float | str, "true", "This must be a number or text, not a truth value."),
    (bool, "3", "This must be true or false, not a whole number."),
    (str, "{}", "This must be text, not an object."),
    (dict[str, int], "3", "This must be an object, not a whole number."),
    (Paint, "[]", "This must be an object, not an array."),
    (
        list[int] | str | None,
        "3.5",
        "This must be text, an array or null, not a fraction.",
    ),
    (Annotated[int, Meta(ge=-5)], "-6", "This must be a whole number of at least -5."),
    (
        Annotated[int, Meta(le=100)],
        "101",
        "This must be a whole number of at most 100.",
    ),
    (Annotated[float, Meta(gt=0)], "0", "This must be a number above 0."),
    (Annotated[float, Meta(lt=2.5)], "3", "This must be a number below 2.5."),
    (Annotated[int, Meta(multiple_of=5)], "4", "This must be a multiple of 5."),
    (
        Annotated[str, Meta(min_length=1)],
        '""',
        "This must be text of at least 1 character.",
    ),
    (
        Annotated[str, Meta(max_length=2)],
        '"abc"',
        "This must be text of at most 2 characters.",
    ),
    (
        Annotated[list[int], Meta(max_length=1)],
        "[1, 2]",
        "This must be an array of at most 1 item.",
    ),
    (
        Annotated[dict[str, int], Meta(min_length=2)],
        "{}",
        "This must be an object of at least 2 fields.",
    ),
    (
        Annotated[bytes, Meta(max_length=2)],
        '"YWFhYQ=="',
        "This must be text in base64 of at most 2 bytes.",
    ),
    (tuple[int, int], "[1]", "This must be an array of 2 items."),
    (
        Annotated[dict[Annotated[str, Meta(max_length=1)], int], Meta()],
        '{"ab": 1}',
        "A key must be text of at most 1 character.",
    ),
    (Name, '"A"', "This must be small letters."),
    (dict[Name, int], '{"A": 1}', "A key must be small letters."),
    (dict[str, list[Name | None]], '{"A": ["B"]}', "This must be small letters."),
    (
        Annotated[str, Meta(pattern="^a$")],
        '"b"',
        "This must be `str` matching regex '^a$'.",
    ),
    (Colour, '"green"', "This must be one of red, blue, not 'green'."),
    (Literal["a", "b"], '"c"', "This must be one of a, b, not 'c'."),
    (Literal[1, 2], "3", "This must be one of 1, 2, not 3."),
    (list[Paint], '[{"mainColour": "x"}]', "This must be one of red, blue, not 'x'."),
    (dict[str, Colour | None], '{"a": "x"}', "This must be one of red, blue, not 'x'."),
    (Paint, '{"colour": 1}', "There is no field colour; there are mainColour, layers."),
    (Paint, "{}", "This field is required."),
    (datetime, '"now"', f"This must be {INSTANT}."),
    (datetime | None, "3", f"This must be {INSTANT}."),
    (
        Annotated[datetime, Meta(tz=True)],
        '"2026-01-01T00:00:00"',
        f"This must be {INSTANT}.",
    ),
    (bytes, '"%"', "This must be text in base64."),
    (UUID, '"x"', "This must be a UUID."),
    (float, "1e400", "This number is too large."),
)


@pytest.mark.parametrize(("kind", "text", "expected"), PHRASES)
def test_phrases(kind: Any, text: str, expected: str) -> None:
    """
    What msgspec says of a wrong value is said in words: what it must be, and what came.
    """
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(text, type=kind)

    assert expected == invalid_from_msgspec(raised.value, kind).detail


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"mainColour": "red", "layers": 10}', "/layers"),
        ('{"mainColour": "red", "a": 10}', "/a"),
        ("{}", "/mainColour"),
        ("3", None),
    ],
)
def test_pointer(text: str, pointer: str | None) -> None:
    """
    The pointer names the field that is wrong, not there, or not known.
    """
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(text, type=Paint)

    assert pointer == invalid_from_msgspec(raised.value, Paint).pointer


def test_long_value() -> None:
    """
    Of a long value that is none of those allowed, only the beginning is shown.
    """
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode('"' + "x" * 10_000 + '"', type=Colour)

    assert len(invalid_from_msgspec(raised.value, Colour).detail) < 200


def _texts(kind: Any, extra: Any = None) -> Iterator[tuple[str, Any]]:
    """Yield each pattern in a type and its fields, with the `extra` that it has."""
    if isinstance(kind, inspect.StrType) and kind.pattern is not None:
        yield kind.pattern, extra or {}
    names = ("type", "item_type", "key_type", "value_type")
    inner = [getattr(kind, name, None) for name in names]
    inner += getattr(kind, "types", ())
    inner += [field.type for field in getattr(kind, "fields", ())]
    for each in filter(None, inner):
        yield from _texts(each, getattr(kind, "extra", None))


def test_patterns_have_words() -> None:
    """
    Each pattern of the API's bodies and queries says in words what it wants.
    """
    kinds = [
        kind
        for route in ROUTES
        for kind in (route.body_type, route.query_type, route.raw_body_query)
        if kind is not None
    ]

    found = [each for kind in kinds for each in _texts(inspect.type_info(kind))]
    assert found
    assert [] == [pattern for pattern, extra in found if PATTERN_WORDS not in extra]
