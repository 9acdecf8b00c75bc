"""From the model's values to the API's: ids as text, instants as RFC 3339."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import SECOND, rfc3339
from pushserver.model.actor import Actor
from pushserver.web.api.long_json import LongJson, raw_or_long
from pushserver.web.api.types import ActorOut, Instant

S = TypeVar("S", bound=msgspec.Struct)
_MISSING = object()


def render(struct_type: type[S], source: object, **fields: Any) -> S:
    """
    Return a *struct_type* with *fields*; all others are *source*'s of the same name.

    An `Instant` is formatted, an actor becomes its token, and a number becomes text
    where the type wants text.
    """
    for name, convert in _conversions(struct_type):
        if name in fields:
            continue
        value = getattr(source, name, _MISSING)
        if value is not _MISSING:
            fields[name] = convert(value) if convert and value is not None else value
    return struct_type(**fields)


@lru_cache
def _conversions(
    struct_type: type[msgspec.Struct],
) -> Sequence[tuple[str, Callable[[Any], Any] | None]]:
    """Return each field's name and how its value is formatted."""
    hints = get_type_hints(struct_type, include_extras=True)
    return [(name, _conversion(hints[name])) for name in struct_type.__struct_fields__]


def _conversion(hint: Any) -> Callable[[Any], Any] | None:
    is_union = get_origin(hint) in (Union, UnionType)
    alternatives = get_args(hint) if is_union else (hint,)
    if Instant in alternatives:
        return rfc3339
    if ActorOut in alternatives:
        return actor_out
    return str if str in alternatives else None


def actor_out(actor: Actor) -> ActorOut | None:
    """Return the token of an actor; the server has none."""
    token_id = actor.token_id
    return None if token_id is None else ActorOut(str(token_id), actor.name)


def optional_instant(instant: int | None) -> str | None:
    """Return an instant as RFC 3339, if there is one."""
    return None if instant is None else rfc3339(instant)


def raw_json(text: str | bytes | memoryview | None) -> Raw | LongJson | UnsetType:
    """Return a JSON text to be sent as it is, if there is one."""
    return UNSET if text is None else raw_or_long(text)


def as_seconds(duration: int) -> float:
    """Return microseconds as seconds, whole ones as an integer."""
    seconds = duration / SECOND
    return int(seconds) if seconds.is_integer() else seconds
