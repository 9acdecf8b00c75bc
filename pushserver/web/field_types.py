"""Finds what a field may be, by the path at which it stands in a value."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from msgspec import inspect

#: What a type says of its pattern for people, in the `extra` of its `Meta`.
PATTERN_WORDS = "pattern_words"

_STEP = re.compile(r"\.(?P<field>[^.\[\]]+)|\[[^\[\]]*\]")


def field_names(target_type: Any, path: str) -> Sequence[str]:
    """Return the names of the fields that the object at *path* may have."""
    return [
        field.encode_name
        for each in _types_at(target_type, path)
        if isinstance(each, inspect.StructType)
        for field in each.fields
    ]


def allowed_values(target_type: Any, path: str) -> Sequence[str]:
    """Return the values of which the field at *path* has one; none: there are more."""
    values: list[Any] = []
    for each in _types_at(target_type, path):
        if isinstance(each, inspect.EnumType):
            values += [member.value for member in each.cls]
        elif isinstance(each, inspect.LiteralType):
            values += each.values
    return [str(value) for value in values]


def pattern_words(target_type: Any, path: str, *, is_key: bool) -> str | None:
    """Return what a text at *path*, or a key of the object there, has to look like."""
    kinds = _described_at(target_type, path)
    if is_key:
        kinds = [
            each.key_type
            for each in map(_plain, kinds)
            if isinstance(each, inspect.DictType)
        ]
    found = (
        (each.extra or {}).get(PATTERN_WORDS)
        for each in kinds
        if isinstance(each, inspect.Metadata)
    )
    return next(filter(None, found), None)


def _types_at(target_type: Any, path: str) -> list[inspect.Type]:
    return [_plain(each) for each in _described_at(target_type, path)]


def _described_at(target_type: Any, path: str) -> list[inspect.Type]:
    """Return the types at *path* (`$.steps[0].body`), with what is said of them."""
    kinds = [*_alternatives(_type_info(target_type))]
    for step in _STEP.finditer(path):
        kinds = [
            alternative
            for each in map(_plain, kinds)
            for inner in _inner(each, step["field"])
            for alternative in _alternatives(inner)
        ]
    return kinds


@lru_cache
def _type_info(target_type: Any) -> inspect.Type:
    return inspect.type_info(target_type)


def _plain(kind: inspect.Type) -> inspect.Type:
    return _plain(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _alternatives(kind: inspect.Type) -> Iterable[inspect.Type]:
    """Yield the kinds of which a value has one; each keeps what is said of it."""
    plain = _plain(kind)
    if not isinstance(plain, inspect.UnionType):
        yield kind
        return
    for each in plain.types:
        yield from _alternatives(each)


def _inner(kind: inspect.Type, field_name: str | None) -> Iterable[inspect.Type]:
    """Yield the types that the field of this name has, or the items have."""
    match kind:
        case inspect.StructType() if field_name is not None:
            yield from (f.type for f in kind.fields if f.encode_name == field_name)
        case inspect.DictType() if field_name is None:
            yield kind.value_type
        case inspect.ListType() | inspect.VarTupleType() if field_name is None:
            yield kind.item_type
