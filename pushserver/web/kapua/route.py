"""A call of a Kapua client: its token, ids, scope and permission are checked."""

from collections.abc import Awaitable, Callable, Collection, Mapping

import attrs
from aiohttp import web

from pushserver.dialects.kapua.bodies import OPERATION
from pushserver.dialects.kapua.ids import decode_id
from pushserver.errors import Forbidden, Invalid
from pushserver.model.actor import Actor
from pushserver.model.operation import Operation
from pushserver.model.token import Permission, Token
from pushserver.web.api.reading_turn import list_in_turn
from pushserver.web.authentication import authenticate, has_ended, request_actor
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.kapua.problems import EntityNotFound, IllegalArgument
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.response import make_response
from pushserver.web.services import SERVICES, Services

#: Stands for the caller's own scope.
OWN_SCOPE = "_"


@attrs.frozen
class KapuaCall:
    """Who calls, and the ids in the path by their names there."""

    request: web.Request
    services: Services
    token: Token
    path_ids: Mapping[str, int]

    @property
    def scope_id(self) -> int:
        """The scope in which everything is asked and done: the token's."""
        return self.token.scope_id

    @property
    def actor(self) -> Actor:
        """Who calls, and from where; for what the call changes."""
        return request_actor(self.request, self.token)

    @property
    def path_params(self) -> Mapping[str, str]:
        """The named parts of its path."""
        return self.request.match_info

    async def has_ended(self) -> bool:
        """Tell whether the token has, or the session in its place."""
        return await has_ended(self.request, self.services, self.token)

    def not_found(self, kind: str, name: str) -> EntityNotFound:
        """Return the error for the entity called *name* in the path."""
        return EntityNotFound(kind, self.request.match_info[name], self.path_ids[name])

    async def find_operation(self) -> Operation | None:
        """Return the operation, if it exists and is of the device in the path."""
        found = await self.services.store.operations.find_operation(
            self.scope_id, self.path_ids["operationId"]
        )
        is_own = found is not None and found.device_id == self.path_ids["deviceId"]
        return found if is_own else None

    async def get_operation(self) -> Operation:
        """
        Return the operation in the path.

        Raises:
            EntityNotFound: it does not exist, or is of another device.
        """
        operation = await self.find_operation()
        if operation is None:
            raise self.not_found(OPERATION, "operationId")
        return operation


#: Returns the JSON that answers a call; None after deleting something.
KapuaHandler = Callable[[KapuaCall], Awaitable[bytes | None]]


@attrs.frozen
class KapuaRoute:
    """One call of Kapua's API."""

    method: str
    path: str
    handler: KapuaHandler
    permission: Permission
    parameters: Collection[str] = ()
    repeatable: Collection[str] = ()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """
        Check in Kapua's order: the token, the ids, the scope and the permission.

        Then the query, of which Kapua would ignore what it does not know.
        """
        services = request.app[SERVICES]
        token = await authenticate(request, services)
        ids = {
            name: _decode_id(name, text, token)
            for name, text in request.match_info.items()
        }
        if ids["scopeId"] != token.scope_id:
            raise Forbidden("This token belongs to another scope.")
        if not token.has_permission(self.permission):
            raise Forbidden(
                "User does not have permission to perform this action."
                f" Required permission: {self.permission}."
            )
        _check_device(request, services, token, ids.get("deviceId"))
        check_parameters(request, self.parameters, self.repeatable)
        call = KapuaCall(request, services, token, ids)
        if self.method == "GET":
            return await list_in_turn(self._respond, call)
        return await self._respond(call)

    async def _respond(self, call: KapuaCall) -> web.StreamResponse:
        body = await self.handler(call)
        if body is None:
            return web.Response(status=call.services.kapua_delete_status)
        return make_response(body, content_type=JSON_MEDIA_TYPE)


def _check_device(
    request: web.Request, services: Services, token: Token, device_id: int | None
) -> None:
    """Refuse a device that the token does not concern; a list leaves them out."""
    if device_id is None:
        return
    if not services.token_reach.reaches(token, device_id):
        raise Forbidden("This token concerns other devices.")
    request[LOG_FIELDS].update(device_id=device_id)


def check_parameters(
    request: web.Request, known: Collection[str], repeatable: Collection[str] = ()
) -> None:
    """
    Check that the query has only *known* parameters once, and *repeatable* ones.

    Raises:
        IllegalArgument: one is not known, or is given twice.
    """
    seen: set[str] = set()
    for name, value in request.query.items():
        if name in repeatable:
            continue
        if name not in known or name in seen:
            raise IllegalArgument(name, value)
        seen.add(name)


def _decode_id(name: str, text: str, token: Token) -> int:
    if name == "scopeId" and text == OWN_SCOPE:
        return token.scope_id
    try:
        return decode_id(text)
    except Invalid:
        raise IllegalArgument(name, text) from None
