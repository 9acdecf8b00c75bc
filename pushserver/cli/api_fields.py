"""Options of the command line as fields of the API."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pushserver.cli.context import UsageError

T = TypeVar("T")


def without_none(fields: Mapping[str, T | None]) -> dict[str, T]:
    """
    Return the fields that have a value.

    Raises:
        UsageError: one is no number; JSON has no word for it but null, which clears.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{name} must be a number, not {value}.")
    return given


def given_options(options: object, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the options *names* that were given, in the API's camelCase."""
    return without_none({_camel(name): getattr(options, name) for name in names})


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)
