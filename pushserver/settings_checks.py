"""Checks of settings: names that mean nothing, and tokens that can be guessed."""

import difflib
import ipaddress
import math
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
#: Bits below which a token can be guessed by somebody who tries.
MIN_TOKEN_BITS = 128
#: Tokens that README and docs print, so that everybody knows them.
PRINTED_TOKENS = frozenset({"pst_only-for-trying-things-out"})
#: Variables that are no settings of a server, but of the command line or of processes.
_OTHER_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        *("CONFIG", "SERVER", "TOKEN", "TOKEN_FILE", "PYTHON"),
        *("SOCKET_FILE", "KEEPER_FILE", "METRICS_SOCKET"),
    )
)
#: How many different characters a secret of 128 random bits has at least.
_MIN_DIFFERENT = 8
_BITS_OF_TEXT = 2.0  # for each character, if it is made of words
_CHARACTER_CLASSES = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
)
_HEX = frozenset("0123456789abcdef")
_OTHER_CHARACTERS = 2  # as in base64
#: The same again and again, perhaps cut off amid it.
_REPEATED = re.compile(r"(.{1,64}?)\1+", re.DOTALL)
#: Fingers run along these, forward and back; by chance few do so as far.
_KEYBOARD = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl")
_RUN_LENGTH = 6
_RUN = re.compile(
    "|".join(
        line[start:end]
        for row in (*_KEYBOARD, *(each[::-1] for each in _KEYBOARD))
        for line in (row + row[0],)
        for end in range(len(line), 0, -1)
        for start in range(max(0, end - _RUN_LENGTH + 1))
    ),
    re.IGNORECASE,
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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
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


def is_guessable(token: str) -> bool:
    """Tell whether a token is printed in the docs, or has too few bits."""
    secret = _without_patterns(token.removeprefix("pst_"))
    return token in PRINTED_TOKENS or _bits(secret) < MIN_TOKEN_BITS


def _without_patterns(secret: str) -> str:
    """Return what is left if what repeats is counted once, and a run as its start."""
    repeated = _REPEATED.fullmatch(secret)
    return _RUN.sub(lambda run: run[0][0], repeated[1] if repeated else secret)


def _bits(secret: str) -> float:
    """Return at most how many bits are in a secret, were it made at random."""
    if len(set(secret)) < _MIN_DIFFERENT:
        return 0
    if _looks_like_words(secret):
        return _BITS_OF_TEXT * len(secret)
    if set(secret) <= _HEX:
        return len(secret) * math.log2(len(_HEX))
    classes = [c for c in _CHARACTER_CLASSES if not set(c).isdisjoint(secret)]
    size = sum(map(len, classes)) + _OTHER_CHARACTERS
    return len(secret) * math.log2(size)


def _looks_like_words(secret: str) -> bool:
    """Tell whether it has letters of one case and no digits, as words have."""
    has_digit = any(character.isdigit() for character in secret)
    return not has_digit and secret in (secret.lower(), secret.upper())


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
