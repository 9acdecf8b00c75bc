"""Where the first token goes when nobody sits at a terminal."""

from pathlib import Path

import pytest

from pushserver.first_token import first_token_path
from pushserver.settings_loading import load


@pytest.mark.parametrize(
    ("database", "path"),
    [
        ("sqlite:////var/lib/doors.db", "/var/lib/doors.db.admin-token"),
        ("sqlite:///doors.db", "doors.db.admin-token"),
        ("postgresql://doors@db.example/doors", "pushserver.admin-token"),
    ],
)
def test_beside_the_database(database: str, path: str) -> None:
    """It is beside the file; a PostgreSQL is nowhere, so it is where we are."""
    assert Path(path) == first_token_path(load({"database": database}, {}))
