"""Our server with its commits replaced by nothing: what remains is all but the disk.

    python -m bench.nocommit serve --port 8080 --database sqlite:////tmp/x.db

Takes the same command line. Only for measuring: it keeps no command.
"""

import itertools
import runpy
from collections.abc import Callable, Sequence

from pushserver.model.changes import Changes
from pushserver.storage.sql.changes import prepare_write
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.write_jobs import WriteJob
from pushserver.storage.sqlite import group_commit


def write_nothing(
    _changes: Changes, works: Sequence[WriteJob]
) -> Callable[[SqlConnection], None] | None:
    """Drop what decisions recorded; statements on devices and tokens still count."""
    return prepare_write(Changes(itertools.count(1).__next__, 0), works)


if __name__ == "__main__":
    vars(group_commit)["prepare_write"] = write_nothing
    runpy.run_module("pushserver", run_name="__main__")
