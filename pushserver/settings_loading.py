"""Loads the settings: flags, else PUSHSERVER_…, else a TOML file, else the default."""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import typed_settings as ts
from typed_settings.exceptions import TsError
from typed_settings.loaders import DictLoader

from pushserver.errors import Misconfigured
from pushserver.secret_files import SUFFIX, read_secret
from pushserver.settings import SECRETS, Settings
from pushserver.settings_checks import (
    PREFIX,
    SECTION,
    is_loopback,
    refuse_wrong_file,
    unknown_variables,
)
from pushserver.settings_tokens import MIN_TOKEN_BITS, is_guessable

_NAMES = [field.name for field in attrs.fields(Settings)]
#: How the library says which value of which setting it cannot convert.
_WRONG_VALUE = re.compile(r"^Could not convert value .* for option '(\w+)' from loader")
#: How the library wraps the message of a validator or converter.
_WRAPPED_MESSAGE = re.compile(r"ValueError\((['\"])(.*)\1\)")


@attrs.frozen
class SettingsWithOrigins:
    """The settings, and for each name where its value came from, in words."""

    settings: Settings
    origins: Mapping[str, str]


def load(overrides: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """
    Combine the settings; *overrides* are the flags, None where one is not given.

    The flag `config`, or PUSHSERVER_CONFIG, names the TOML file.

    Raises:
        Misconfigured: a setting does not parse, is unknown, or is invalid.
    """
    return load_with_origins(overrides, environ).settings


def load_with_origins(
    overrides: Mapping[str, object], environ: Mapping[str, str]
) -> SettingsWithOrigins:
    """
    Combine the settings as `load` does, and say where each came from.

    Raises:
        Misconfigured: a setting does not parse, is unknown, or is invalid.
    """
    _warn_of_unknown_variables(environ)
    loaders: list[Any] = []
    origins = dict.fromkeys(_NAMES, "default")
    flags = _without_none(overrides)
    config = flags.pop("config", None) or environ.get(PREFIX + "CONFIG")
    if config is not None:
        if not Path(str(config)).is_file():
            raise Misconfigured(f"There is no settings file {config}.")
        refuse_wrong_file(Path(str(config)), get_type_hints(Settings))
        toml: Any = {"*": ts.TomlFormat(SECTION)}
        loaders.append(ts.FileLoader(toml, [str(config)]))
        origins |= _origins_of_file(Path(str(config)))
    variables = _from_environ(environ)
    origins |= {name: _variable_of(name, environ) for name in variables}
    origins |= {name: "--" + name.replace("_", "-") for name in flags}
    loaders += [DictLoader(variables), DictLoader(flags)]
    try:
        settings = ts.load_settings(Settings, loaders)
    except (TsError, ValueError, TypeError, ExceptionGroup) as error:
        raise Misconfigured(
            f"A setting is wrong: {_innermost_message(error, origins)}"
        ) from None
    _refuse_unsafe(settings)
    return SettingsWithOrigins(settings, origins)


def _origins_of_file(path: Path) -> dict[str, str]:
    section = tomllib.loads(path.read_text("utf-8")).get(SECTION, {})
    return dict.fromkeys(section, f"file {path}")


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {name: environ.get(PREFIX + name.upper()) for name in _NAMES}
    values |= {name: read_secret(environ, PREFIX + name.upper()) for name in SECRETS}
    return {name: value for name, value in values.items() if value}


def _variable_of(name: str, environ: Mapping[str, str]) -> str:
    """Return the variable that sets it: its own, or that of a secret's file."""
    variable = PREFIX + name.upper()
    return variable if environ.get(variable) else variable + SUFFIX


def _warn_of_unknown_variables(environ: Mapping[str, str]) -> None:
    """Say which variables set nothing; another release may have known them."""
    files = [f"{name}{SUFFIX.lower()}" for name in SECRETS]
    for name, nearest in unknown_variables(environ, [*_NAMES, *files]).items():
        hint = "" if nearest is None else f"; did you mean {nearest}?"
        sys.stderr.write(f"{name} is no setting{hint}\n")


def _without_none(overrides: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in overrides.items() if value is not None}


def _innermost_message(error: BaseException, origins: Mapping[str, str]) -> str:
    """Return the innermost messages, each with its setting and where that came from."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_innermost_message(each, origins) for each in error.exceptions)
    text = str(error).partition("\n")[0]
    wrapped = _WRAPPED_MESSAGE.search(text)
    reason = wrapped[2] if wrapped else text
    wrong = _WRONG_VALUE.match(text)
    name = wrong[1] if wrong else reason.partition(" ")[0]
    origin = origins.get(name, "default")
    where = "" if origin == "default" else f" ({origin})"
    return (f"{name}: {reason}" if wrong else reason) + where


def _refuse_unsafe(settings: Settings) -> None:
    """Refuse unsafe settings before anything is opened."""
    is_sqlite_file = settings.is_sqlite and settings.sqlite_path.name
    is_address = is_sqlite_file or settings.is_postgres
    # No file has one in its name, and a file of settings may have.
    if not is_address or "\x00" in settings.database:
        raise Misconfigured(
            "DATABASE must be sqlite:///relative/path, sqlite:////absolute/path or"
            " postgresql://user:password@host/name."
        )
    if settings.again and not settings.is_sqlite:
        raise Misconfigured("AGAIN is for a SQLite file that was copied.")
    if settings.workers > 1 and settings.is_sqlite:
        raise Misconfigured(
            f"WORKERS {settings.workers} takes PostgreSQL: a SQLite file has one"
            " server. Set DATABASE to postgresql://…, or WORKERS to 1."
        )
    _refuse_backups_nowhere(settings)
    reachable = _reachable_from_others(settings)
    if reachable is None:
        return
    if settings.device_keys is None:
        raise Misconfigured(
            f"{reachable} is reachable from other machines, and a deviceId is"
            " no secret: set DEVICE_KEYS to required, or to optional if a network that"
            " you trust is all that reaches it."
        )
    if settings.admin_token is not None and is_guessable(settings.admin_token):
        raise Misconfigured(
            f"{reachable} is reachable from other machines, and ADMIN_TOKEN"
            f" can be guessed: set it to {MIN_TOKEN_BITS} random bits or more, such as"
            " `openssl rand -hex 32` prints."
        )


def _refuse_backups_nowhere(settings: Settings) -> None:
    if settings.backup_path is None:
        return
    if settings.is_postgres:
        raise Misconfigured(
            "BACKUP_FOLDER is for a SQLite file; a PostgreSQL is backed up by pg_dump."
        )
    if not settings.backup_path.is_dir():
        raise Misconfigured(f"BACKUP_FOLDER {settings.backup_folder} is no folder.")


def _reachable_from_others(settings: Settings) -> str | None:
    """Return what other machines reach, as far as the settings say it."""
    if not is_loopback(settings.host):
        return f"HOST {settings.host}"
    if settings.is_behind_proxy:
        return "A server behind a proxy (PUBLIC_URL or TRUSTED_PROXIES)"
    return None
