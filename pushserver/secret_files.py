"""Secrets in files that a variable `…_FILE` names, as containers have them."""

from collections.abc import Mapping
from pathlib import Path

from pushserver.errors import Misconfigured

SUFFIX = "_FILE"


def read_secret(environ: Mapping[str, str], variable: str) -> str | None:
    """
    Return what *variable* has, or the file that *variable*_FILE names, without its end
    of line; None without either. An empty variable is none.

    Raises:
        Misconfigured: both are set, or the file cannot be read or is empty.
    """
    secret = environ.get(variable) or None
    file = environ.get(variable + SUFFIX)
    if not file:
        return secret
    if secret is not None:
        raise Misconfigured(f"Set {variable} or {variable}{SUFFIX}, not both.")
    try:
        text = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise Misconfigured(
            f"The file {file} of {variable}{SUFFIX} cannot be read: {reason}."
        ) from None
    if not text:
        raise Misconfigured(f"The file {file} of {variable}{SUFFIX} is empty.")
    return text
