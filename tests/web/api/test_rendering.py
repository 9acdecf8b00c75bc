"""Structs of the API, filled from the model's values."""

import attrs
import pytest
from msgspec.json import encode

from pushserver.web.api.long_json import encode_pieces
from pushserver.web.api.rendering import raw_json, render
from pushserver.web.api.types import Instant, Out
from pushserver.web.spool import MAX_IN_MEMORY


class ThingOut(Out, kw_only=True):
    """What programs see of a thing."""

    id: str
    made_at: Instant
    seen_at: Instant | None = None
    owner_id: str | None = None
    count: int
    labels: list[str]
    note: str | None = None


@attrs.frozen(kw_only=True)
class Thing:
    """A value of the model."""

    id: int = 9_007_199_254_740_993
    made_at: int = 1_700_000_000_000_001
    seen_at: int | None = None
    owner_id: int | None = 7
    count: int = 3
    labels: list[str] = attrs.Factory(lambda: ["a"])


def test_by_name() -> None:
    """
    Ids become text, instants RFC 3339; everything else stays as it is.
    """
    thing = render(ThingOut, Thing())

    assert ("9007199254740993", "2023-11-14T22:13:20.000001Z") == (
        thing.id,
        thing.made_at,
    )
    assert (None, "7", 3, ["a"], None) == (
        thing.seen_at,
        thing.owner_id,
        thing.count,
        thing.labels,
        thing.note,
    )


def test_given_fields_win() -> None:
    """
    A field that is given is taken as it is, even if the source has one of the name.
    """
    thing = render(ThingOut, Thing(), count=4, labels=["b"], note="new", owner_id=None)

    assert (4, ["b"], "new", None) == (
        thing.count,
        thing.labels,
        thing.note,
        thing.owner_id,
    )


def test_missing_field() -> None:
    """
    A required field that neither the source nor the caller has is an error.
    """
    with pytest.raises(TypeError, match="made_at"):
        render(ThingOut, object(), id="1", count=1, labels=[])


@pytest.mark.parametrize("more", [0, 1])
def test_long_json(more: int) -> None:
    """
    Long texts are sent as they are, each in its place; the others become one.
    """
    text = memoryview(b'"%s"' % (b"x" * (MAX_IN_MEMORY - 2 + more)))
    value = {"a": raw_json(text), "b": [raw_json("1.50"), raw_json(text)], "c": None}

    pieces = encode_pieces(value)

    plain = encode({"a": bytes(text).decode()[1:-1], "b": 0, "c": None})
    expected = plain.replace(b"0", b"[1.50,%s]" % bytes(text))
    assert expected == b"".join(pieces)
    assert 2 * more == sum(piece is text for piece in pieces)
