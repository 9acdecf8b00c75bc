"""Asks whoever sits at the terminal."""

import sys
from typing import Annotated

from cyclopts import Parameter

from pushserver.cli.context import CliError, UsageError

#: The option that answers what would be asked.
YesOption = Annotated[bool, Parameter(negative=(), help="Do not ask.")]


def ask(question: str, otherwise: str) -> str:
    """
    Return the answer to *question*.

    Raises:
        UsageError: nobody is there to answer; *otherwise* says what to give instead.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(otherwise)
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def confirm(question: str, option: str = "--yes") -> None:
    """
    Go on if the answer to *question* is yes.

    Raises:
        CliError: it is not.
        UsageError: nobody is there to answer, and the *option* for it is not given.
    """
    otherwise = f"{question} If that is meant, give {option}."
    if ask(f"{question} [y/N]", otherwise).lower() not in ("y", "yes"):
        raise CliError("Nothing was done.")
