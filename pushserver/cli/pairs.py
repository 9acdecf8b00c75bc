"""Parses `key=value` pairs and tags of the command line."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pushserver.cli.context import UsageError

PAIR_PATTERN = re.compile(r"(?P<key>.+?)(?P<how>:=|=)(?P<value>.*)", re.DOTALL)
TAG_PATTERN = re.compile(r"(?P<name>[^=:]+)[=:](?P<value>.*)", re.DOTALL)


def parse_body(pairs: Iterable[str]) -> dict[str, Any]:
    """
    Return the object that pairs make: `key=text`, `key:=json`.

    Raises:
        UsageError: a pair is malformed, repeated, or does not hold JSON.
    """
    body: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = _split_pair(pair)
        if key in body:
            raise UsageError(f"{key} is given twice.")
        body[key] = value if separator == "=" else parse_json(value, f"{key}:=")
    return body


def parse_text_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """
    Return what pairs of text say: `key=value`.

    Raises:
        UsageError: a pair is malformed or repeated.
    """
    texts: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not key or not separator:
            raise UsageError(f"{pair!r} is not key=value.")
        if key in texts:
            raise UsageError(f"{key} is given twice.")
        texts[key] = value
    return texts


def parse_tags(pairs: Iterable[str]) -> dict[str, str]:
    """
    Return the tags in *pairs*: `key=value`, or `key:value` as in the API's filters.

    Raises:
        UsageError: one of them is not a tag, or a key has two values.
    """
    tags: dict[str, str] = {}
    for pair in pairs:
        key, value = _split_tag(pair)
        if tags.setdefault(key, value) != value:
            raise UsageError(f"{key} is given twice: a device has one value of it.")
    return tags


def parse_tag_filter(pairs: Iterable[str]) -> dict[str, list[str]]:
    """
    Return the values of each key in *pairs*, of which a device has one.

    Raises:
        UsageError: one of them is not a tag.
    """
    tags: dict[str, list[str]] = {}
    for key, value in map(_split_tag, pairs):
        values = tags.setdefault(key, [])
        values += [] if value in values else [value]
    return tags


def tag_filter(pair: str) -> str:
    """
    Return a tag as the API's filters take it.

    Raises:
        UsageError: it is not a tag.
    """
    return ":".join(_split_tag(pair))


def _split_tag(pair: str) -> tuple[str, str]:
    match = TAG_PATTERN.fullmatch(pair)
    if match is None:
        raise UsageError(f"{pair!r} is not a tag: write key=value.")
    return match["name"], match["value"]


def without_tags(tags: Mapping[str, str], removed: Iterable[str]) -> dict[str, str]:
    """Return *tags* without those *removed*: each by its key, or as a whole tag."""
    names = set(removed)
    return {
        key: value
        for key, value in tags.items()
        if names.isdisjoint({key, f"{key}={value}", f"{key}:{value}"})
    }


def change_tag_filter(
    tags: Mapping[str, Iterable[str]], added: Iterable[str], removed: Iterable[str]
) -> dict[str, list[str]]:
    """
    Return *tags* without the values, or whole keys, *removed*, and with those *added*.

    Raises:
        UsageError: one that is added is not a tag.
    """
    kept = [
        f"{key}={value}"
        for key, values in tags.items()
        for value in values
        if without_tags({key: value}, removed)
    ]
    return parse_tag_filter([*kept, *added])


def parse_json(text: str | bytes, source: str) -> Any:
    """
    Return the value that *text* holds.

    Raises:
        UsageError: it is not JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise UsageError(f"{source} is not JSON: {error}.") from None


def _split_pair(pair: str) -> tuple[str, str, str]:
    match = PAIR_PATTERN.fullmatch(pair)
    if match is None:
        raise UsageError(f"{pair!r} is neither key=value nor key:=json.")
    return match["key"], match["how"], match["value"]
