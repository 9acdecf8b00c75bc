"""Types of the API: scopes.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from typing import NotRequired, TypedDict


class ScopeInput(TypedDict):
    """A scope to be made."""

    name: str
    """What people call it."""


class Scope(TypedDict):
    """A scope; `token`, its first one, is there once, when it is made."""

    id: str
    """The scope's id."""
    name: str
    """What people call it."""
    createdAt: str
    """When it was made."""
    token: NotRequired[str]
    """The secret of its first token."""


class Scopes(TypedDict):
    """Every scope that the token may know of, oldest first."""

    items: list[Scope]
    """The scopes."""
