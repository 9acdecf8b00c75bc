"""A database as the release of schema 1 left it, with live work in every table."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from pushserver.storage.migrations import MIGRATIONS
from pushserver.storage.schema_file import SchemaSection, part_for

ROWS = (Path(__file__).parent / "schema-1.sql").read_text("utf-8")
TABLES = MIGRATIONS[0].text
#: What its clock showed.
NOW = 1_767_769_816_000_000
#: Secrets of which the database has but the hashes.
KEY = "PRqda0pOSMLt0CH2JL7REi7kj1vsyWrH"
TOKEN_OF_SECOND = "pst_Ag7MhRDNTfzTfpCDVkdVfjlFx2267oCVe8w5mnJuxAQ"
READING_TOKEN = "pst_XXNkmHN7iOAepzVniDCIk8HVTxaGU_12inmdnwY18rs"


def make_first(database: str, rows: str = ROWS) -> None:
    """Make a database of schema 1 with these rows."""
    if database.startswith("sqlite:"):
        _make_sqlite(Path(database.removeprefix("sqlite:///")), rows)
    else:
        _make_postgres(database, rows)


def _make_sqlite(path: Path, rows: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.executescript(part_for(SchemaSection.SQLITE, TABLES))
        file.executescript(part_for(SchemaSection.SQLITE, rows))
        file.execute("PRAGMA user_version = 1")


def _make_postgres(url: str, rows: str) -> None:
    with psycopg.connect(url) as link:
        link.execute(part_for(SchemaSection.POSTGRES, TABLES).encode())
        own = part_for(SchemaSection.POSTGRES, rows).replace(" AS BLOB)", " AS BYTEA)")
        link.execute(own.encode() or b"SELECT 1")
        link.execute("INSERT INTO schema_version VALUES (1)")
