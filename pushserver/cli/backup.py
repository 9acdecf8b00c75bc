"""`pushserver backup` and `restore`: copies of the database's file, made and used."""

from pathlib import Path

from pushserver.cli.context import InjectedContext


def backup(
    file: Path,
    /,
    *,
    database: str | None = None,
    config: str | None = None,
    context: InjectedContext,
) -> int:
    """
    Copy the SQLite file to a new one, checked, while the server runs.

    Only you may read the copy. Nothing is overwritten.

    Parameters
    ----------
    file
        Where the copy goes.
    database
        The database: sqlite:///relative, sqlite:////absolute; else PUSHSERVER_DATABASE,
        else the file's.
    config
        A TOML file with settings.
    """
    # Every other command does without the stores, and starts faster for it.
    from pushserver.settings_loading import load  # noqa: PLC0415
    from pushserver.stores import back_up  # noqa: PLC0415

    settings = load({"database": database, "config": config}, context.environ)
    made = back_up(settings, file)
    context.print_fields({"file": str(file), "bytes": made.size, "rows": made.rows})
    return 0


def restore(
    file: Path,
    /,
    *,
    database: str | None = None,
    config: str | None = None,
    context: InjectedContext,
) -> int:
    """
    Put a backup in the database's place; the one before is kept.

    No server may be running over it. The next one holds what must not be given twice.
    Tokens that were revoked since are revoked again, and all sessions end.

    Parameters
    ----------
    file
        The backup.
    database
        The database: sqlite:///relative, sqlite:////absolute; else PUSHSERVER_DATABASE,
        else the file's.
    config
        A TOML file with settings.
    """
    from pushserver.clock import SystemClock  # noqa: PLC0415
    from pushserver.settings_loading import load  # noqa: PLC0415
    from pushserver.stores import restore as restore_file  # noqa: PLC0415

    settings = load({"database": database, "config": config}, context.environ)
    done = restore_file(settings, file, SystemClock().now())
    kept = {} if done.kept is None else {"kept": str(done.kept)}
    revoked = {} if done.revoked is None else {"tokensRevoked": done.revoked}
    context.print_fields({"rows": done.rows, **kept, **revoked})
    if done.revoked is None:
        context.print_note(
            "There is no database before that can be read: revoke again the tokens"
            " that were revoked after the backup."
        )
    context.print_note(
        "The next start holds every waiting command that must not be given twice: see"
        " `pushserver commands --held`."
    )
    return 0
