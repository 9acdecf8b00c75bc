"""Our server with its commits replaced by nothing: what remains is all but the disk.

    python -m bench.nocommit serve --port 8080 --database sqlite:////tmp/x.db

Takes the same command line. Only for measuring: it keeps no command.
"""

import itertools
import runpy
from collections.abc import Callable, Sequence

from pushserver.model.changes import Changes
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.write import Work, write
from pushserver.storage.sqlite import commit


def write_nothing(
    _changes: Changes, works: Sequence[Work]
) -> Callable[[Connection], None] | None:
    """Drop what decisions noted; the fleet's and the tokens' statements still count."""
    return write(Changes(itertools.count(1).__next__), works)


if __name__ == "__main__":
    vars(commit)["write"] = write_nothing
    runpy.run_module("pushserver", run_name="__main__")
