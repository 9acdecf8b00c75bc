"""Who does something, and from where."""

from functools import lru_cache
from typing import Self

import attrs
import msgspec

from pushserver.model.trace import Trace


@attrs.frozen
class Actor:
    """
    Who did something: the token of a program, by its id and its name at that time.

    The server itself has no token. `address`, `request_id` and `trace` say how the
    request came; they are kept with what it did, but are no part of who did it.
    """

    token_id: int | None
    name: str | None
    address: str | None = attrs.field(default=None, eq=False)
    request_id: str | None = attrs.field(default=None, eq=False)
    trace: Trace | None = attrs.field(default=None, eq=False)

    @property
    def traceparent(self) -> str | None:
        """The span of the request, if it is known."""
        return None if self.trace is None else self.trace.traceparent

    @property
    def tracestate(self) -> str | None:
        """What vendors add to it."""
        return None if self.trace is None else self.trace.state


class ActorPayload(msgspec.Struct):
    """The token of an actor, as events tell it."""

    token_id: int
    name: str | None = None

    @classmethod
    def of(cls, actor: Actor) -> Self | None:
        """Return the token of *actor*, if it has one."""
        token_id = actor.token_id
        return None if token_id is None else cls(token_id, actor.name)


@lru_cache(maxsize=4096)
def stored_actor(token_id: int | None, name: str | None) -> Actor:
    """Return the actor with this token; many rows share one."""
    return Actor(token_id, name)


#: Nobody did it, or it was not recorded who.
NOBODY = Actor(None, None)
#: The server did it by itself.
SERVER = Actor(None, "server")
