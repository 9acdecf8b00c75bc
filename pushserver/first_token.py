"""The first admin token: shown to whoever starts the server, and to nobody else."""

import os
import secrets
from pathlib import Path
from typing import TextIO

from pushserver.settings import Settings

_SUFFIX = ".admin-token"


def show_first_token(secret: str, settings: Settings, output: TextIO) -> Path | None:
    """
    Write the token to *output* if that is a terminal, else to a file; return its path.

    What is no terminal is a log, which others read and which is kept.

    Raises:
        OSError: the file cannot be written.
    """
    if output.isatty():
        output.write(f"admin token: {secret} (shown once; keep it)\n")
        return None
    path = first_token_path(settings).absolute()
    _write_private(path, f"{secret}\n")
    return path


def first_token_path(settings: Settings) -> Path:
    """
    Return the file of the first token: beside the database.

    A PostgreSQL is nowhere; then it is in the working folder, as a SQLite file is.
    """
    if settings.is_sqlite:
        database = settings.sqlite_path
        return database.with_name(database.name + _SUFFIX)
    return Path("pushserver" + _SUFFIX)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in place of any that is there."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise
