"""Reads `schema.sql`: the tables of every store, and the types of their columns."""

import re
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path

_EVERY = "Every store"
# A section goes on until the next one begins.
_SECTION = re.compile(r"^(?=-- (PostgreSQL alone|SQLite alone|Every store)\b)", re.M)
_COLUMN = re.compile(r"^    (\w+) +([A-Z]+)\b", re.MULTILINE)


class SchemaSection(StrEnum):
    """The comment that begins a section for one store, such as `-- SQLite alone`."""

    SQLITE = "SQLite alone"
    POSTGRES = "PostgreSQL alone"


def part_for(store: SchemaSection, sql: str) -> str:
    """Return the sections of *sql* for *store* and for every store, in its types."""
    first, *others = _SECTION.split(sql)
    sections = zip(others[::2], others[1::2], strict=True)
    own = "".join(text for name, text in sections if name in (store, _EVERY))
    if store is SchemaSection.SQLITE:
        # Only an INTEGER PRIMARY KEY is an alias of the rowid.
        return (first + own).replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
    # Text is compared byte by byte, as SQLite does.
    return re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', first + own)


@cache
def schema_sql() -> str:
    """Read `schema.sql` from inside the wheel, or from a source checkout."""
    inside = files("pushserver").joinpath("schema.sql")
    if inside.is_file():
        return inside.read_text("utf-8")
    return (Path(__file__).parents[2] / "schema.sql").read_text("utf-8")


def column_types(table: str, names: str) -> list[str]:
    """Return the types of some columns of a table, such as BIGINT."""
    body = schema_sql().partition(f"CREATE TABLE {table} (")[2]
    kinds = dict(_COLUMN.findall(body.partition("\n);")[0]))
    return [kinds[name.strip()] for name in names.split(",")]
