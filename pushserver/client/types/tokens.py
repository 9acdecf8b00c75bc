"""Types of the API: tokens.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from pushserver.client.types.commands import Actor

Permission = Literal[
    "admin",
    "devices:read",
    "devices:write",
    "commands:read",
    "commands:write",
    "commands:door",
    "operations:read",
    "operations:write",
    "results:read",
    "events:read",
    "subscriptions:read",
    "subscriptions:write",
    "tokens:write",
    "metrics:read",
]
"""One thing that a token may do."""


class TokenOptions(TypedDict):
    """The fields of `TokenInput` that are no arguments."""

    expiresAt: NotRequired[str]
    """From this instant on it is not valid any more."""
    deviceIds: NotRequired[Sequence[str]]
    """The devices that it concerns; left out, any."""
    tags: NotRequired[Mapping[str, str]]
    """It concerns devices that have all of these; left out, any."""


class TokenInput(TokenOptions):
    """A token to be made; without devices, tags or an end it has no such limit."""

    name: str
    """What the token is for."""
    permissions: Sequence[Permission]
    """What it may do."""


class Token(TypedDict):
    """A token; `token` is there once, when it is made."""

    id: str
    """The token's id."""
    scopeId: str
    """The scope in which it reads and writes."""
    name: str
    """What it is for."""
    permissions: list[Permission]
    """What it may do."""
    createdAt: str
    """When it was made."""
    createdBy: NotRequired[Actor]
    """Who made it."""
    expiresAt: NotRequired[str]
    """From this instant on it is not valid any more."""
    lastUsedAt: NotRequired[str]
    """When it was used last."""
    deviceIds: NotRequired[list[str]]
    """The devices that it concerns; left out, any."""
    tags: NotRequired[dict[str, str]]
    """It concerns devices that have all of these; left out, any."""
    token: NotRequired[str]
    """The secret, which is sent as `Authorization: Bearer …`."""


class Tokens(TypedDict):
    """Every valid token."""

    items: list[Token]
    """The tokens."""
