"""Who did something, in two columns of a row: the token's id, and its name."""

from collections.abc import Callable
from typing import Any, TypeVar

from pushserver.model.actor import stored_actor
from pushserver.storage.table import Column

T = TypeVar("T")


def actor_columns(field: str) -> list[Column]:
    """Return the columns of the actor in this field."""
    return [
        Column(field, f"{field}.token_id", argument=field),
        Column(f"{field}_name", f"{field}.name", argument=f"{field}_name"),
    ]


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
