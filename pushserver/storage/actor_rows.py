"""Who did something, in two columns of a row: the token's id, and its name."""

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from pushserver.model.actor import stored_actor
from pushserver.model.trace import Trace
from pushserver.storage.table import Column

T = TypeVar("T")


def actor_columns(field: str) -> list[Column]:
    """Return the columns of the actor in this field."""
    return [
        Column(field, f"{field}.token_id", argument=field),
        Column(f"{field}_name", f"{field}.name", argument=f"{field}_name"),
    ]


def request_columns(field: str) -> list[Column]:
    """Return the columns of the request with which the actor in this field came."""
    names = ("request_id", "traceparent", "tracestate")
    return [Column(name, f"{field}.{name}") for name in names]


def take_request(fields: dict[str, Any], name: str) -> None:
    """Add to the actor of this name in *fields* the request with which they came."""
    request_id, traceparent = fields.pop("request_id"), fields.pop("traceparent")
    state = fields.pop("tracestate")
    trace = None if traceparent is None else Trace(traceparent, state)
    fields[name] = attrs.evolve(fields[name], request_id=request_id, trace=trace)


def take_actors(fields: dict[str, Any], *names: str) -> None:
    """Replace in *fields* the two columns of each of these actors by the actor."""
    for name in names:
        fields[name] = stored_actor(fields[name], fields.pop(f"{name}_name"))


def with_actors(make: Callable[..., T], *names: str) -> Callable[..., T]:
    """Return *make* for rows with the columns of these actors."""

    def make_of_row(**fields: Any) -> T:
        take_actors(fields, *names)
        return make(**fields)

    return make_of_row
