"""The schema, read from the one file that people read, too."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

_POSTGRES_MARKER = "-- PostgreSQL alone"
_COLUMN = re.compile(r"^    (\w+) +([A-Z]+)\b", re.MULTILINE)


@cache
def schema_sql(*, include_postgres: bool) -> str:
    """
    Return `schema.sql`, without what PostgreSQL alone needs unless it is
    *include_postgres*.
    """
    sql = _read()
    return sql if include_postgres else sql.partition(_POSTGRES_MARKER)[0]


def column_types(table: str, names: str) -> list[str]:
    """Return the types of some columns of a table, such as BIGINT."""
    body = schema_sql(include_postgres=True).partition(f"CREATE TABLE {table} (")[2]
    kinds = dict(_COLUMN.findall(body.partition("\n);")[0]))
    return [kinds[name.strip()] for name in names.split(",")]


def _read() -> str:
    """Read it from inside the wheel, or from a source checkout."""
    inside = files("pushserver").joinpath("schema.sql")
    if inside.is_file():
        return inside.read_text("utf-8")
    return (Path(__file__).parents[2] / "schema.sql").read_text("utf-8")
