"""Secrets in files that a variable `…_FILE` names, as containers have them."""

import errno
from collections.abc import Mapping
from pathlib import Path

from pushserver.errors import Misconfigured

SUFFIX = "_FILE"
#: No secret has more bytes.
MAX_SECRET = 64 * 1024


def read_secret(environ: Mapping[str, str], variable: str) -> str | None:
    """
    Return what *variable* has, or the file that *variable*_FILE names, without its end
    of line; None without either. An empty variable is none.

    Raises:
        Misconfigured: both are set, or the file cannot be read, is empty, or is longer
            than a secret.
    """
    secret = environ.get(variable) or None
    file = environ.get(variable + SUFFIX)
    if not file:
        return secret
    if secret is not None:
        raise Misconfigured(f"Set {variable} or {variable}{SUFFIX}, not both.")
    try:
        text = _read(Path(file)).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise Misconfigured(
            f"The file {file} of {variable}{SUFFIX} cannot be read: {reason}."
        ) from None
    if not text:
        raise Misconfigured(f"The file {file} of {variable}{SUFFIX} is empty.")
    return text


def _read(path: Path) -> bytes:
    """
    Return what a file has; a pipe or a device may never end, so it is none.

    Raises:
        OSError: it cannot be read, or is no file, or too long.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no plain file")
    with path.open("rb") as file:
        content = file.read(MAX_SECRET + 1)
    if len(content) > MAX_SECRET:
        raise OSError(errno.EFBIG, f"it has more than {MAX_SECRET} bytes")
    return content
