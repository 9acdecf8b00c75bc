"""Options of the command line as fields of the API."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def without_none(fields: Mapping[str, T | None]) -> dict[str, T]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def given_options(options: object, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the options *names* that were given, in the API's camelCase."""
    return without_none({_camel(name): getattr(options, name) for name in names})


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)
