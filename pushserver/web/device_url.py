"""What of a device's unknown request may be shown."""

import re
from urllib.parse import unquote

#: What a key is made of, escaped as often as anybody might.
_KEY_CHARACTER = r"(?:[A-Za-z0-9_-]|%(?:25)*+[0-9A-Fa-f]{2})"
_RUN = re.compile(_KEY_CHARACTER + "{20,}+")
#: The same in a path, where it may be in another alphabet: there `+` is no space.
_RUN_IN_PATH = re.compile(f"(?:{_KEY_CHARACTER}|[+~=])" + "{20,}+")
#: A part that is too long for a name of anybody's. A key has 32 characters.
_LONG_PART = re.compile(r"[A-Za-z0-9_+~=-]{20,}+")
#: What else is so long: a number, words of an endpoint, a uuid.
_NO_KEY = re.compile(
    r"[0-9]++|[a-z_+~=-]++|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
)
#: A part of a path after that with the key, if it is none of the key, cut by a slash.
_PLAIN_PART = re.compile(r"[a-z_.-]*+|[0-9]*+|.{1,7}", re.DOTALL)
_SEPARATORS = re.compile(r"(/|%(?:25)*+2[fF])")
#: Paths without any of these have nothing to hide.
_MAY_HIDE_KEY = re.compile(r"%|(?:^|/)[dD]/|[A-Za-z0-9_+~=-]{20}")
#: What is as long as a key, among words for people and ids of programs.
_AS_LONG_AS_KEY = re.compile(r"[A-Za-z0-9_+~-]{32,}+")
#: What else is so long there: hexadecimal digits, names in one case, or in camel case.
_NO_KEY_IN_TEXT = re.compile(
    r"[0-9a-f_-]*+|[0-9A-F_-]*+|[a-z_-]*+|[A-Z_-]*+|(?:[A-Z]?[a-z]{2,}+)*+"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MAX_ESCAPES = 5
MASK = "…"


def mask_keys(address: str) -> str:
    """
    Return a path, with its query, fit to be shown: without what may be a device's key.

    That is what follows `/d/`, and whatever looks like a key, wherever it was typed.
    """
    if _MAY_HIDE_KEY.search(address) is None:
        return address
    path, mark, query = address.partition("?")
    shown = _RUN_IN_PATH.sub(_mask_run, _mask_after_d(path))
    return shown + _RUN.sub(_mask_run, mark + query)


def mask_keys_in_body(body: bytes) -> bytes:
    """Return a body without what looks like a device's key."""
    text = body.decode("utf-8", "surrogateescape")
    return _RUN.sub(_mask_run, text).encode("utf-8", "surrogateescape")


def mask_keys_in_text(text: str) -> str:
    """Return a text of a program's, or for one, without a whole key of a device."""
    return _AS_LONG_AS_KEY.sub(_mask_whole_key, text)


def _mask_whole_key(run: re.Match[str]) -> str:
    rest = _UUID.sub("", run[0])
    is_none = _AS_LONG_AS_KEY.fullmatch(rest) is None or _NO_KEY_IN_TEXT.fullmatch(rest)
    return run[0] if is_none else MASK


def _mask_after_d(path: str) -> str:
    """Mask the part after `/d/`, and parts of a key that has slashes."""
    shown, previous, is_after = [], "", False
    for index, part in enumerate(_SEPARATORS.split(path)):
        if index % 2 or part == "":
            shown.append(part)
            continue
        is_key = previous in ("d", "D")
        is_piece = is_after and _PLAIN_PART.fullmatch(part) is None
        shown.append(MASK if is_key or is_piece else part)
        previous, is_after = _unescape(part), is_after or is_key
    return "".join(shown)


def _mask_run(run: re.Match[str]) -> str:
    parts = _LONG_PART.findall(_unescape(run[0]))
    looks_like_key = any(_NO_KEY.fullmatch(part) is None for part in parts)
    return MASK if looks_like_key else run[0]


def _unescape(text: str) -> str:
    for _ in range(_MAX_ESCAPES):
        if "%" not in text:
            break
        text = unquote(text)
    return text
