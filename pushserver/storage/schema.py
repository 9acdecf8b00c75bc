"""The schema, read from the one file that people read, too."""

from importlib.resources import files
from pathlib import Path

_ALONE = "-- PostgreSQL alone"


def schema_sql(*, whole: bool) -> str:
    """Return `schema.sql`, without what PostgreSQL alone needs unless it is *whole*."""
    sql = _read()
    return sql if whole else sql.partition(_ALONE)[0]


def _read() -> str:
    """Read it from inside the wheel, or from a source checkout."""
    inside = files("pushserver").joinpath("schema.sql")
    if inside.is_file():
        return inside.read_text("utf-8")
    return (Path(__file__).parents[2] / "schema.sql").read_text("utf-8")
