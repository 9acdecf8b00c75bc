"""Names that were retired stay so: CONTRIBUTING's words are the only ones."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("pushserver", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
)
#: What nothing is called any more; CONTRIBUTING says what it is called instead.
_RETIRED = """
    Attendance Beginning Begun Bell ByColumns Chores Courier Desk Directory
    Dispatcher Draft Ear Elsewhere Flight Flying Gathering HandOut Here Hours
    Interests Kept Known Load Made Mirror Moving Net News Old Once Outcomes Pace
    Parcel Part Past Peers Place Places Presence Reading Recall Rounds Settled
    Sighting Standing Stray Stretch Summary Syncing Telling Turn Upkeep Want
    Wanted Wish
"""
RETIRED = frozenset(_RETIRED.split())


def _defined(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the classes and type aliases that *tree* defines, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_retired_name(path: Path) -> None:
    """No class bears a name that was retired."""
    found = _defined(ast.parse(path.read_text()))

    assert [] == [f"{name} (line {line})" for name, line in found if name in RETIRED]
