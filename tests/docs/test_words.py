"""Names that were retired stay so: CONTRIBUTING's words are the only ones."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("pushserver", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: What no class is called any more; CONTRIBUTING says what it is called instead.
RETIRED = _listed(
    """
    Attendance Beginning Begun Bell ByColumns Chores Courier Desk Directory Dispatcher
    Draft Ear Elsewhere Flight Flying Gathering HandOut Here Hours Interests Kept Known
    Load Made Mirror Moving Net News Old Once Outcomes Pace Parcel Part Past Peers Place
    Places Presence Reading Recall Rounds Settled Sighting Standing Stray Stretch
    Summary Syncing Telling Turn Upkeep Want Wanted Wish
    """
)
#: Words that are no part of any name: of a function, a parameter, a variable, an
#: attribute or a module. Tests are named by sentences, which may contain them.
RETIRED_WORDS = _listed(
    """
    attendance begun bell bells chores courier desk draft drafts ear elsewhere flying
    hear heard hears hopeless news noted parcel parcels peers presence recall recalled
    sighting stray strays tell telling tells told upkeep wanted wish wishes
    """
)
#: Names that hold such a word because users write them: a quirk of `simulate`.
NAMES_OF_USERS = frozenset({"stray_calls"})


def _words(name: str) -> set[str]:
    """Return the words of a name, however it is written: `is_heard`, `ToldOnce`."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def _classes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the classes and type aliases that *tree* defines, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.lineno


def _names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield whatever *tree* gives a name to, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.alias) and node.asname is not None:
            yield node.asname, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def _glossary() -> Iterator[str]:
    """Yield the names in CONTRIBUTING's table of how it is built."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = page.partition("How it is built, by room:")[2].partition("\nIn tests:")[0]
    for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE):
        yield from re.findall(r"`(\w+)`", row)


def test_glossary_names_exist() -> None:
    """Each name that CONTRIBUTING explains is defined in the program."""
    defined = {
        name
        for path in (ROOT / "pushserver").rglob("*.py")
        for name, _line in _names(ast.parse(path.read_text("utf-8")))
    }

    assert [] == sorted({*_glossary()} - defined)


def test_no_retired_name() -> None:
    """No class bears a name that was retired, and no name holds a retired word."""
    assert [] == [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in FILES
        for name, line in _retired_names(path)
    ]


def _retired_names(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each of a file's names that nothing is called any more, and its line."""
    tree = ast.parse(path.read_text("utf-8"))
    yield from (each for each in _classes(tree) if each[0] in RETIRED)
    for name, line in [(path.stem, 1), *_names(tree)]:
        is_ours = not name.startswith("test_") and name not in NAMES_OF_USERS
        if is_ours and _words(name) & RETIRED_WORDS:
            yield name, line
