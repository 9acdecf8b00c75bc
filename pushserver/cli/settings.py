"""`pushserver settings`: what a server started here would go by."""

import re
from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.cli.context import InjectedContext
from pushserver.model.bounds import Bounds
from pushserver.settings import SECRETS, Settings
from pushserver.settings_durations import DurationRange, format_duration
from pushserver.settings_loading import SettingsWithOrigins, load_with_origins

_MASK = "***"
_BOUNDS = frozenset(field.name for field in attrs.fields(Bounds))
_PASSWORD_OF_USER = re.compile(r"(://[^:/?#@]*:).*@")
_PASSWORD_IN_QUERY = re.compile(r"(?<=password=)[^&]*")


def settings(*, config: str | None = None, context: InjectedContext) -> int:
    """
    Print each setting: its value, and where that came from; secrets are masked.

    It asks no server, but reads what `serve` would read if it were started here, with
    the same variables.

    Parameters
    ----------
    config
        A TOML file with settings; else PUSHSERVER_CONFIG.
    """
    loaded = load_with_origins({"config": config}, context.environ)
    # The bounds are many, and hardly ever set: they come last.
    fields: list[attrs.Attribute[Any]] = sorted(attrs.fields(Settings), key=_is_bound)
    rows = [_describe(loaded, field) for field in fields]
    if not context.json:
        rows = [{**row, "value": _format_value(row)} for row in rows]
    context.print_table(rows, ["name", "value", "origin"])
    return 0


def _is_bound(field: "attrs.Attribute[Any]") -> bool:
    return field.name in _BOUNDS


def _describe(
    loaded: SettingsWithOrigins, field: "attrs.Attribute[Any]"
) -> dict[str, Any]:
    """Return a setting as JSON has it: durations with the unit of the number."""
    value = getattr(loaded.settings, field.name)
    durations = field.metadata.get(DurationRange)
    return {
        "name": field.name,
        "value": _mask(field.name, value),
        **({} if durations is None else {"unit": durations.unit.symbol}),
        "origin": loaded.origins[field.name],
    }


def _format_value(row: Mapping[str, Any]) -> str:
    """Return a value as it may be given."""
    match row["value"]:
        case None | "":
            return "not set"
        case float(duration):
            return format_duration(duration, row["unit"])
        case bool(switch):
            return str(switch).lower()
        case value:
            return str(value)


def _mask(name: str, value: Any) -> Any:
    if name == "database":
        return mask_passwords(value)
    return _MASK if name in SECRETS and value else value


def mask_passwords(url: str) -> str:
    """Return a database's address without its passwords."""
    masked = _PASSWORD_OF_USER.sub(rf"\1{_MASK}@", url)
    return _PASSWORD_IN_QUERY.sub(_MASK, masked)
