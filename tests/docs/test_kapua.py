"""docs/kapua.md says what Kapua's clients may call, and which ids they use."""

import re
from pathlib import Path

import pytest

from pushserver.dialects.kapua.ids import encode_id
from pushserver.web.kapua import ROUTES, SESSION_ROUTES, notifications, operations

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/kapua.md").read_text("utf-8")

_CALL = re.compile(r"^\| `([A-Z]+) (/\S+)` \| [^|]+ \| `?([a-z:]+)`? \|$", re.MULTILINE)
_ID = re.compile(r"^\| ([0-9]+) \| `([\w-]+)` \|$", re.MULTILINE)


def test_every_call_is_listed() -> None:
    """
    The table of calls has those that are served, with the permission each needs.
    """
    served = {(route.method, route.path, str(route.permission)) for route in ROUTES}
    served |= {(how, path, "none") for path, (how, _) in SESSION_ROUTES.items()}

    assert served == set(_CALL.findall(PAGE))


@pytest.mark.parametrize(
    ("kind", "sorts"),
    [
        ("Notifications", notifications.SORT_FIELDS),
        ("Operations", operations.SORT_FIELDS),
    ],
)
def test_attributes_to_sort_by(kind: str, sorts: dict[str, object]) -> None:
    """
    The attributes by which a list can be sorted are named, and no others.
    """
    sentence = PAGE.partition(f"{kind} are sorted by ")[2].partition(".")[0]

    assert set(sorts) == set(re.findall(r"`(\w+)`", sentence))


def test_ids() -> None:
    """
    The ids of the examples are what they should be.
    """
    ids = {int(number): text for number, text in _ID.findall(PAGE)}

    assert {number: encode_id(number) for number in ids} == ids
    assert f"/devices/{ids[478435]}/operations" in PAGE
