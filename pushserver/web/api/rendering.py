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


def render(struct_type: type[S], source: Any, **fields: Any) -> S:
    """
    Return a *struct_type* with *fields*; all others are *source*'s of the same name.

    An `Instant` is formatted, an actor becomes its token, and a number becomes text
    where the type wants text.
    """
    make = _compile(struct_type, source.__class__, tuple(fields))
    rendered: S = make(source, **fields)
    return rendered


@lru_cache
def _compile(
    struct_type: type[msgspec.Struct], source_type: type, given: Sequence[str]
) -> Callable[..., Any]:
    """Compile one call of *struct_type*: a loop over its fields takes twice as long."""
    hints = get_type_hints(struct_type, include_extras=True)
    names: dict[str, Any] = {"make": struct_type}
    arguments = [f"{name}={name}" for name in given]
    for name in struct_type.__struct_fields__:
        if name in given or not hasattr(source_type, name):
            continue
        value, convert = f"source.{name}", _conversion(hints[name])
        if convert is not None:
            names[f"as_{name}"] = convert
            value = f"None if {value} is None else as_{name}({value})"
        arguments.append(f"{name}={value}")
    parameters = ", ".join(("source", *given))
    # Of names of ours alone.
    compiled: Callable[..., Any] = eval(  # noqa: S307
        f"lambda {parameters}: make({', '.join(arguments)})", names
    )
    return compiled


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
