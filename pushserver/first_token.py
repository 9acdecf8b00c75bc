"""The first admin token: shown to whoever starts the server, and to nobody else."""

import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TextIO

from pushserver.model.device import DeviceKeys
from pushserver.settings import Settings

_SUFFIX = ".admin-token"
#: The device of the first steps, as on the pages.
_DEVICE = 478435
#: What listens on each address of a machine is reached at this one.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here


def show_first_token(secret: str, settings: Settings, output: TextIO) -> Path | None:
    """
    Write the token to *output* if that is a terminal, else to a file; return its path.

    What is no terminal is a log, which others read and which is kept.

    Raises:
        OSError: the file cannot be written.
    """
    if output.isatty():
        output.write(f"admin token: {secret} (shown once; keep it)\n")
        output.write(_first_steps(secret, settings, sys.argv[0]))
        return None
    path = first_token_path(settings).absolute()
    _write_private(path, f"{secret}\n")
    return path


def _first_steps(secret: str, settings: Settings, program: str) -> str:
    """Return what to do next, for copying; nothing while nobody knows the address."""
    if not settings.port:
        return ""
    name = shlex.quote(program)
    if Path(program).name != "pushserver":
        name = f"{shlex.quote(sys.executable)} -m pushserver"
    lines = [
        f"export PUSHSERVER_SERVER={local_address(settings)} PUSHSERVER_TOKEN={secret}",
        *(f"{name} {each}" for each in _steps(settings)),
    ]
    return "Next, in another terminal:\n" + "".join(f"  {line}\n" for line in lines)


def _steps(settings: Settings) -> tuple[str, str]:
    if settings.device_key_policy is DeviceKeys.REQUIRED:
        return f"devices add {_DEVICE}", f"devices key {_DEVICE}"
    return (
        f"simulate --devices 1 --first-id {_DEVICE} --quirks none --adopt &",
        f"enqueue {_DEVICE} load_objects object=users --wait",
    )


def local_address(settings: Settings) -> str:
    """Return where the server is for whoever sits at its machine."""
    host = _LOOPBACK.get(settings.host, settings.host)
    if ":" in host:
        host = f"[{host}]"
    return f"http://{host}:{settings.port}"


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
