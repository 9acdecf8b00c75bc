"""The server of an earlier commit, which today's is compared with."""

import io
import subprocess
import tarfile
from pathlib import Path

#: The last commit before the fast lane; its server runs with today's packages.
COMMIT = "a5477b3d375ba3307c299d3a8dc5da734572508f"
_ROOT = Path(__file__).parents[1]


def unpack_earlier(folder: Path) -> Path:
    """Unpack that server's source in *folder*; it needs the whole history of git."""
    source = folder / "earlier"
    if not source.exists():
        archive = subprocess.run(  # noqa: S603 - our own command line
            ["git", "archive", COMMIT, "pushserver", "schema.sql"],  # noqa: S607
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(source, filter="data")
    return source
