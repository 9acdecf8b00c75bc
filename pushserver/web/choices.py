"""Which values a field may have, for errors that say so: msgspec's do not."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from msgspec import inspect

_root_type = lru_cache(inspect.type_info)


def choices_at(target_type: Any, path: Sequence[str]) -> list[str]:
    """Return what may be at *path* in a value of a type, if it is one of a few."""
    nodes = [*_alternatives(_root_type(target_type))]
    for part in path:
        nodes = [
            each
            for node in nodes
            for child in _children(node, part)
            for each in _alternatives(child)
        ]
    return [str(choice) for node in nodes for choice in _choices_of(node)]


def _alternatives(node: inspect.Type) -> Iterator[inspect.Type]:
    """Return the types of which a value has one, without what is said of them."""
    if isinstance(node, inspect.Metadata):
        yield from _alternatives(node.type)
    elif isinstance(node, inspect.UnionType):
        for each in node.types:
            yield from _alternatives(each)
    else:
        yield node


def _children(node: inspect.Type, part: str) -> Iterator[inspect.Type]:
    if isinstance(node, inspect.StructType):
        yield from (each.type for each in node.fields if part == each.encode_name)
    elif isinstance(node, inspect.ListType | inspect.VarTupleType):
        yield node.item_type


def _choices_of(node: inspect.Type) -> Iterator[Any]:
    if isinstance(node, inspect.EnumType):
        yield from (each.value for each in node.cls)
    elif isinstance(node, inspect.LiteralType):
        yield from node.values
