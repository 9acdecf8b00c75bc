"""`pushserver migrate-store`: copy a SQLite file into a PostgreSQL, with a bar."""

from rich.console import Console
from rich.progress import Progress

from pushserver.cli.context import InjectedContext


def migrate_store(source: str, target: str, /, *, context: InjectedContext) -> int:
    """
    Copy everything from a SQLite file into an empty PostgreSQL, in one go.

    No server may be at work over either. The file keeps everything, and is marked: it
    is served only with --again. When something goes wrong, nothing is changed; where
    nobody knows whether all was copied, it says so, and the file is marked.

    Parameters
    ----------
    source
        The file: sqlite:///relative, sqlite:////absolute.
    target
        The database: postgresql://user@host/name.
    """
    # Every other command does without the stores, and starts faster for it.
    from pushserver.migration import migrate  # noqa: PLC0415

    with Progress(console=Console(stderr=True), disable=context.json) as progress:
        bar = progress.add_task("Copying", total=None)

        def on_progress(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        counts = migrate(source, target, on_progress)
    context.print_fields(counts)
    return 0
