"""A call of a Kapua client, checked: its token, its ids, its scope, its permission."""

from collections.abc import Awaitable, Callable, Mapping

import attrs
from aiohttp import web

from pushserver.dialects.kapua.ids import decode
from pushserver.errors import Forbidden, Invalid
from pushserver.model.operation import Operation
from pushserver.model.token import Permission, Token
from pushserver.web.around import note
from pushserver.web.caller import authenticate
from pushserver.web.kapua.problems import IllegalArgument, NoEntity
from pushserver.web.services import SERVICES, Services

#: Stands for the caller's own scope.
_OWN = "_"


@attrs.frozen
class Call:
    """Who calls, and the ids in the path, by their names there."""

    request: web.Request
    services: Services
    token: Token
    ids: Mapping[str, int]

    @property
    def scope_id(self) -> int:
        """The scope in which everything is asked and done: the token's."""
        return self.token.scope_id

    def none(self, kind: str, name: str) -> NoEntity:
        """Return that the entity called *name* in the path is not there."""
        return NoEntity(kind, self.request.match_info[name], self.ids[name])

    async def operation(self) -> Operation | None:
        """Return the operation, if it is there and the path's device's."""
        found = await self.services.store.operations.find_operation(
            self.scope_id, self.ids["operationId"]
        )
        own = found is not None and found.device_id == self.ids["deviceId"]
        return found if own else None


#: Answers a call.
Answer = Callable[[Call], Awaitable[web.StreamResponse]]


@attrs.frozen
class Route:
    """One call of this face."""

    method: str
    path: str
    answer: Answer
    permission: Permission

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check in Kapua's order: the token, the ids, the scope and the permission."""
        services = request.app[SERVICES]
        token = await authenticate(request, services)
        ids = {
            name: _number(name, text, token)
            for name, text in request.match_info.items()
        }
        if ids["scopeId"] != token.scope_id:
            raise Forbidden("This token belongs to another scope.")
        if not token.may(self.permission):
            raise Forbidden(
                "User does not have permission to perform this action."
                f" Required permission: {self.permission}."
            )
        note(request, device_id=ids["deviceId"])
        return await self.answer(Call(request, services, token, ids))


def _number(name: str, text: str, token: Token) -> int:
    if name == "scopeId" and text == _OWN:
        return token.scope_id
    try:
        return decode(text)
    except Invalid:
        raise IllegalArgument(name, text) from None
