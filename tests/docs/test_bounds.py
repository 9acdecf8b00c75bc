"""docs/security.md has every bound, as the program has it."""

import re
from pathlib import Path

import attrs

from pushserver.model.bounds import Bounds, bound_of

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text("utf-8")
_ROW = re.compile(
    r"^\| (?P<what>[^|]+) \| `(?P<setting>[A-Z_]+)` \| (?P<default>\d+)"
    r" \| (?P<answer>[^|]+) \| (?P<counts>`[^|]+`) \|$",
    re.MULTILINE,
)


def test_every_bound_is_listed() -> None:
    """
    The table has what each setting bounds, its default, what becomes of what is beyond,
    and the names of its counts.
    """
    bounds = [(field, bound_of(field)) for field in attrs.fields(Bounds)]
    expected = [
        (
            bound.what,
            field.name.upper(),
            field.default,
            bound.answer,
            ", ".join(f"`{name}`" for name in bound.counts),
        )
        for field, bound in bounds
    ]
    listed = [
        (
            found["what"],
            found["setting"],
            int(found["default"]),
            found["answer"],
            found["counts"],
        )
        for found in _ROW.finditer(PAGE)
    ]

    assert expected == listed
