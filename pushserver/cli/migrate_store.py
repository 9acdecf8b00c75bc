"""`pushserver migrate-store`: copy a SQLite file into a PostgreSQL, with a bar."""

from rich.console import Console
from rich.progress import Progress

from pushserver.cli.here import InHere


def migrate_store(source: str, target: str, /, *, here: InHere) -> int:
    """
    Copy everything from a SQLite file into an empty PostgreSQL, in one go.

    No server may be at work over either. The file stays as it is; when something goes
    wrong, so does the PostgreSQL.

    Parameters
    ----------
    source
        The file: sqlite:///relative, sqlite:////absolute.
    target
        The database: postgresql://user@host/name.
    """
    # Every other command does without the stores, and starts faster for it.
    from pushserver.migration import migrate  # noqa: PLC0415

    with Progress(console=Console(stderr=True), disable=here.json) as progress:
        bar = progress.add_task("Copying", total=None)

        def tell(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        counts = migrate(source, target, tell)
    here.show(counts)
    return 0
