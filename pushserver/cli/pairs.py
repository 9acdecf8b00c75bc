"""`key=value` pairs and tags on the command line, and the JSON they make."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from pushserver.cli.here import Usage

PAIR = re.compile(r"(?P<key>.+?)(?P<how>:=|=)(?P<value>.*)", re.DOTALL)
TAG = re.compile(r"(?P<name>[^=:]+)[=:](?P<value>.*)", re.DOTALL)


def body_of(pairs: Iterable[str]) -> dict[str, Any]:
    """
    Return the object that pairs make: `key=text`, `key:=json`.

    Raises:
        Usage: a pair is none, comes twice, or holds no JSON.
    """
    body: dict[str, Any] = {}
    for pair in pairs:
        key, how, value = _split(pair)
        if key in body:
            raise Usage(f"{key} is given twice.")
        body[key] = value if how == "=" else json_of(value, f"{key}:=")
    return body


def texts_of(pairs: Iterable[str]) -> dict[str, str]:
    """
    Return what pairs of text say: `key=value`.

    Raises:
        Usage: a pair is none, or comes twice.
    """
    texts: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise Usage(f"{pair!r} is no key=value.")
        if key in texts:
            raise Usage(f"{key} is given twice.")
        texts[key] = value
    return texts


def tags_of(pairs: Iterable[str]) -> dict[str, str]:
    """
    Return the tags in *pairs*: `key:value`, as devices take them, or `key=value`.

    Raises:
        Usage: one is no tag.
    """
    tags = {}
    for pair in pairs:
        found = TAG.fullmatch(pair)
        if found is None:
            raise Usage(f"{pair!r} is no tag: write key=value.")
        tags[found["name"]] = found["value"]
    return tags


def json_of(text: str | bytes, where: str) -> Any:
    """
    Return the value that *text* holds.

    Raises:
        Usage: it is not JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Usage(f"{where} is not JSON: {error}.") from None


def _split(pair: str) -> tuple[str, str, str]:
    found = PAIR.fullmatch(pair)
    if found is None:
        raise Usage(f"{pair!r} is neither key=value nor key:=json.")
    return found["key"], found["how"], found["value"]
