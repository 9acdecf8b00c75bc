"""The schema, read from the one file that people read, too."""

from importlib.resources import files
from pathlib import Path


def schema_sql() -> str:
    """Return `schema.sql`: from inside the wheel, or from a source checkout."""
    inside = files("pushserver").joinpath("schema.sql")
    if inside.is_file():
        return inside.read_text("utf-8")
    return (Path(__file__).parents[2] / "schema.sql").read_text("utf-8")
