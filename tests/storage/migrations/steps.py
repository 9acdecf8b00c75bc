"""Steps of a release to come, for the tests: in a folder of their own."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from pushserver.storage import migrations
from pushserver.storage.migrations import SCHEMA_VERSION, Migration, read_migrations

NEXT = SCHEMA_VERSION + 1
STOP, KEEP_WORKING = "stop", "keep working"
#: What does no harm, and what fails when half of it is done.
NOTE = "ALTER TABLE device ADD COLUMN note TEXT;"
BROKEN = "ALTER TABLE device ADD COLUMN half BIGINT; DROP TABLE nowhere;"


def with_next(folder: Path, sql: str, servers: str) -> Sequence[Migration]:
    """Return all steps of this release, and one more, in *folder*."""
    for file in files(migrations).iterdir():
        if file.name.endswith(".sql"):
            (folder / file.name).write_text(file.read_text("utf-8"))
    text = f"-- A step to come.\n-- running servers: {servers}\n{sql}\n"
    (folder / f"{NEXT:04}_next.sql").write_text(text)
    return read_migrations(folder)
