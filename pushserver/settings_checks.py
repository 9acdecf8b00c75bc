"""Checks of settings: names that mean nothing."""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pushserver.errors import Misconfigured

PREFIX = "PUSHSERVER_"
SECTION = "pushserver"
#: How people may write the prefix.
_OUR_PREFIX = re.compile(r"push[_-]?server[_-]", re.IGNORECASE)
#: Variables that are no settings of a server, but of the command line or of processes.
_OTHER_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        *("CONFIG", "SERVER", "TOKEN", "TOKEN_FILE", "PYTHON"),
        *("SOCKET_FILE", "KEEPER_FILE", "METRICS_SOCKET"),
    )
)


def refuse_wrong_file(path: Path, types: Mapping[str, object]) -> None:
    """
    Check that a settings file has only the one section that is read.

    *types* are those of the settings: a value of another type may mean anything.

    Raises:
        Misconfigured: it is no TOML, has something beside the section or no setting in
            it, or a value is of another type.
    """
    document = _read_document(path)
    unknown = sorted(name for name in document if name != SECTION)
    if unknown:
        kind = "section" if isinstance(document[unknown[0]], dict) else "key"
        raise Misconfigured(
            f"{path} has the {kind} {unknown[0]}, which means nothing: settings stand"
            f" in the section [{SECTION}]."
        )
    section = document.get(SECTION, {})
    if not isinstance(section, dict):
        raise Misconfigured(f"In {path}, {SECTION} must be a section.")
    for name, value in section.items():
        _refuse_wrong_setting(path, name, value, types)


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:  # also a number of thousands of digits
        raise Misconfigured(f"{path} is no TOML: {error}") from None
    except RecursionError:
        raise Misconfigured(f"{path} is no TOML of settings: it is nested.") from None


def _refuse_wrong_setting(
    path: Path, name: str, value: object, types: Mapping[str, object]
) -> None:
    if isinstance(value, dict):
        raise Misconfigured(f"In {path}, {name} must not be a section.")
    if name not in types:
        # With a hyphen it would be the same setting, perhaps a second time.
        meant = _nearest(name, [PREFIX + each.upper() for each in types])
        hint = f"; did you mean {meant.removeprefix(PREFIX).lower()}?" if meant else "."
        raise Misconfigured(f"In {path}, {name} is no setting{hint}")
    if not _fits(value, types[name]):
        kind = type(value).__name__
        raise Misconfigured(f"In {path}, {name} must not be of the type {kind}.")


def _fits(value: object, setting_type: object) -> bool:
    """Tell whether a value of TOML is of a setting's type, or a text that says it."""
    if isinstance(value, str):
        return True
    if setting_type is bool:
        return isinstance(value, bool)
    if setting_type in (int, float):
        numbers = (int,) if setting_type is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    return False


def unknown_variables(
    environ: Mapping[str, str], settings: Collection[str]
) -> dict[str, str | None]:
    """
    Return each variable that means nothing, with the known one most like it.

    Those in another case, or with another hyphen or none, are meant for this, too.
    """
    known = {PREFIX + name.upper() for name in settings} | _OTHER_VARIABLES
    unknown = sorted(
        name for name in environ if _OUR_PREFIX.match(name) and name not in known
    )
    return {name: _nearest(name, known) for name in unknown}


def _nearest(name: str, known: Collection[str]) -> str | None:
    bare = {each.removeprefix(PREFIX): each for each in known}
    given = _OUR_PREFIX.sub("", name).upper().replace("-", "_")
    found = difflib.get_close_matches(given, bare, n=1, cutoff=0.5)
    return bare[found[0]] if found else None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
