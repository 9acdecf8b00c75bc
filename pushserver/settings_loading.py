"""Loads the settings: flags, else PUSHSERVER_…, else a TOML file, else the default."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import typed_settings as ts
from typed_settings.exceptions import TsError
from typed_settings.loaders import DictLoader

from pushserver.errors import Misconfigured
from pushserver.settings import Settings
from pushserver.settings_checks import (
    MIN_TOKEN_BITS,
    PREFIX,
    SECTION,
    is_guessable,
    is_loopback,
    refuse_wrong_file,
    unknown_variables,
)

#: How the library wraps the message of a validator or converter.
_WRAPPED_MESSAGE = re.compile(r"ValueError\((['\"])(.*)\1\)")


def load(overrides: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """
    Combine the settings; *overrides* are the flags, None where one is not given.

    The flag `config`, or PUSHSERVER_CONFIG, names the TOML file.

    Raises:
        Misconfigured: a setting does not parse, is unknown, or is invalid.
    """
    _warn_of_unknown_variables(environ)
    loaders: list[Any] = []
    flags = _without_none(overrides)
    config = flags.pop("config", None) or environ.get(PREFIX + "CONFIG")
    if config is not None:
        if not Path(str(config)).is_file():
            raise Misconfigured(f"There is no settings file {config}.")
        refuse_wrong_file(Path(str(config)), get_type_hints(Settings))
        toml: Any = {"*": ts.TomlFormat(SECTION)}
        loaders.append(ts.FileLoader(toml, [str(config)]))
    loaders += [DictLoader(_from_environ(environ)), DictLoader(flags)]
    try:
        settings = ts.load_settings(Settings, loaders)
    except (TsError, ValueError, TypeError, ExceptionGroup) as error:
        raise Misconfigured(
            f"A setting is wrong: {_innermost_message(error)}"
        ) from None
    _refuse_unsafe(settings)
    return settings


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    names = [field.name for field in attrs.fields(Settings)]
    values = {name: environ.get(PREFIX + name.upper()) for name in names}
    return {name: value for name, value in values.items() if value}


def _warn_of_unknown_variables(environ: Mapping[str, str]) -> None:
    """Say which variables set nothing; another release may have known them."""
    names = [field.name for field in attrs.fields(Settings)]
    for name, nearest in unknown_variables(environ, names).items():
        hint = "" if nearest is None else f"; did you mean {nearest}?"
        sys.stderr.write(f"{name} is no setting{hint}\n")


def _without_none(overrides: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in overrides.items() if value is not None}


def _innermost_message(error: BaseException) -> str:
    """Return the innermost message, which names the setting and the value."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_innermost_message(inner) for inner in error.exceptions)
    text = str(error).partition("\n")[0]
    inner = _WRAPPED_MESSAGE.search(text)
    return f"{text[: inner.start()]}{inner[2]}" if inner else text


def _refuse_unsafe(settings: Settings) -> None:
    """Refuse unsafe settings before anything is opened."""
    is_sqlite_file = settings.is_sqlite and settings.sqlite_path.name
    if not is_sqlite_file and not settings.is_postgres:
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


def _reachable_from_others(settings: Settings) -> str | None:
    """Return what other machines reach, as far as the settings say it."""
    if not is_loopback(settings.host):
        return f"HOST {settings.host}"
    if settings.is_behind_proxy:
        return "A server behind a proxy (PUBLIC_URL or TRUSTED_PROXIES)"
    return None
