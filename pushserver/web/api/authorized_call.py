"""What calls of the API and pages of the console have in common: whose they are."""

from typing import Any, Protocol

from aiohttp import web

from pushserver.model.actor import Actor
from pushserver.model.token import Token
from pushserver.web.services import Services


class AuthorizedCall(Protocol):
    """A request with a valid token, and what its path names."""

    @property
    def request(self) -> web.Request:
        """The request itself."""

    @property
    def services(self) -> Services:
        """What it asks."""

    @property
    def token(self) -> Token:
        """Who asks."""

    @property
    def scope_id(self) -> int:
        """The scope in which it reads and writes: the token's."""

    @property
    def actor(self) -> Actor:
        """Who asks, and from where; for what it changes."""

    @property
    def path_params(self) -> Any:
        """What its path names."""

    async def has_ended(self) -> bool:
        """
        Tell whether its token has, or the session in its place.

        Raises:
            Unavailable: the store is away.
        """
