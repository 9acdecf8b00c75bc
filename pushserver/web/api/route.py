"""A call of the API: one declaration that checks, serves and describes it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import attrs
import msgspec
from aiohttp import web

from pushserver.errors import Forbidden, NotFound
from pushserver.model.order import OCTET_STREAM
from pushserver.model.token import Permission, Token
from pushserver.web import content_digest
from pushserver.web.api.call import ApiCall
from pushserver.web.api.canonical_request import canonical_path
from pushserver.web.api.device_import import CSV, NDJSON
from pushserver.web.api.long_steps import NO_BODIES, decode_spooled
from pushserver.web.api.once import (
    HEADER,
    Idempotency,
    answer_once,
    other_answer_type,
    parse_idempotent_request,
)
from pushserver.web.api.query import NO_QUERY, NoQuery, decode_query
from pushserver.web.api.reach import refuse_whole_scope, require_reach
from pushserver.web.api.responses import BASE_PATH
from pushserver.web.api.tags import Tag
from pushserver.web.api.token_life import require_valid
from pushserver.web.authentication import find_token
from pushserver.web.body import MAX_BODY_SIZE, MAX_SMALL_BODY
from pushserver.web.body_budget import call_after_request
from pushserver.web.json_body import (
    JSON_MEDIA_TYPE,
    decode_body,
    media_type_of,
    read_whole_body,
    refuse_body,
    refuse_other_type,
    spool_whole_body,
    take_body,
)
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.request_identity import identity_of
from pushserver.web.services import SERVICES, Services
from pushserver.web.single_header import single_header
from pushserver.web.spool import MAX_IN_MEMORY, Spool

T = TypeVar("T")

_ANONYMOUS = Token(
    id=0, scope_id=0, hash="", name="", permissions=frozenset(), created_at=0
)
_SPOOLED_TYPES = frozenset({JSON_MEDIA_TYPE, OCTET_STREAM, CSV, NDJSON})
_RAW_BODY_HINT = f" It goes with a body of {OCTET_STREAM}; JSON has it as a field."


@attrs.frozen(kw_only=True)
class ApiRoute:
    """
    One call of the API.

    `response_type` is sent with `status`, or with `created_status` if the call created
    something, unless that has a `created_type` of its own; media types in place of a
    type are files. `Accept` chooses among `answer_types`. A handler that decodes its
    body itself has `raw_body_types` in place of `body_type`: what OpenAPI says of each
    media type. Nothing is said there of the `undescribed_media_types` that it takes,
    too, nor of `raw_body_query`: the query that goes with one that is bytes. A body may
    have `max_body` bytes: those few that the handler decodes, or that list steps or
    devices, are large. `example` is a body that succeeds. `errors` are the statuses of
    this call's own; those of its token, its parameters, its body and the store are
    added, and 404 unless it takes whatever its path names (`path_must_exist`). Without
    a `permission` no token is needed. With an `idempotency` it is done once for a key.
    A restricted token may call what names a way to a device in its path, or a handler
    that `limits_itself` to the token's devices.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: Tag
    handler: Callable[[Any], Awaitable[web.StreamResponse]]
    permission: Permission | None
    query_type: type[msgspec.Struct] | None = None
    body_type: Any = None
    body_required: bool = True
    raw_body_types: Mapping[str, Any] | None = None
    undescribed_media_types: tuple[str, ...] = ()
    raw_body_query: type[msgspec.Struct] | None = None
    response_type: Any = None
    status: int = 200
    created_status: int | None = None
    created_type: Any = None
    answer_types: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    path_must_exist: bool = True
    needs_store: bool = True
    idempotency: Idempotency | None = None
    limits_itself: bool = False
    request_headers: Mapping[str, str] = attrs.Factory(dict)
    response_headers: tuple[str, ...] = ()
    description: str = ""
    example: Any = None
    max_body: int = attrs.field()
    media_types: tuple[str, ...] = attrs.field(init=False)

    @max_body.default
    def _default_max_body(self) -> int:
        return MAX_SMALL_BODY if self.raw_body_types is None else MAX_BODY_SIZE

    @media_types.default
    def _accepted_media_types(self) -> tuple[str, ...]:
        if self.raw_body_types is not None:
            return (*self.raw_body_types, *self.undescribed_media_types)
        return () if self.body_type is None else (JSON_MEDIA_TYPE,)

    @property
    def _spooled_types(self) -> frozenset[str]:
        """The types of bodies that may be in a spool."""
        return _SPOOLED_TYPES.intersection(self.media_types)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it serves: what is got can be asked for its head, too."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a request that the router matched."""
        return await self.handle_call(
            request, request.app[SERVICES], request.match_info
        )

    async def handle_call(
        self, request: web.Request, services: Services, path_params: Mapping[str, str]
    ) -> web.StreamResponse:
        """
        Check the request and call the handler.

        What is not found may have been created on another server just now: unless the
        handler decodes its own body, it is called again once this server caught up.
        """
        identity_of(request)
        call = await self._parse_call(request, services, path_params)
        if self.permission is not None and request.body_exists:
            # Its body may have come long after its head.
            await require_valid(call)
        once = call.idempotency
        if once is None:
            return await self._answer(call)
        keys = services.idempotency_keys
        with keys.lock(once.key):
            if self.idempotency is Idempotency.WITH_CHANGE:
                return await self._answer(call)
            # What it was shown before, it may not see any more.
            await self._caught_up(call, require_reach)
            return await answer_once(keys, once, request, partial(self._answer, call))

    async def _parse_call(
        self, request: web.Request, services: Services, path_params: Mapping[str, str]
    ) -> ApiCall[Any, Any]:
        token = await self._authorize(request, services, path_params)
        media_type = media_type_of(request.headers)
        query = self._decode_query(request, media_type)
        raw_body, spool = await self._receive_body(request, services, media_type)
        end_work = await services.body_budget.take_place(len(raw_body))
        once = None
        if self.idempotency is not None and HEADER in request.headers:
            path = canonical_path(self.path, path_params, services.protocols)
            types = media_type + other_answer_type(request, self.answer_types)
            once = await parse_idempotent_request(
                request, token, BASE_PATH + path, types, raw_body, spool
            )
        body, long_bodies = None, NO_BODIES
        if self.body_type is not None and spool is not None:
            installed = services.protocols.installed
            body, long_bodies = await decode_spooled(spool, self.body_type, installed)
        elif self.media_types and spool is None:
            body = await self._decode_body(raw_body)
        return ApiCall(
            request=request,
            path_params=path_params,
            services=services,
            token=token,
            query=query,
            media_type=media_type,
            raw_body=raw_body,
            body=body,
            idempotency=once,
            log_fields=request[LOG_FIELDS],
            spool=spool,
            long_bodies=long_bodies,
            end_work=end_work,
        )

    async def _authorize(
        self, request: web.Request, services: Services, path_params: Mapping[str, str]
    ) -> Token:
        """Return the token of who calls, which may make this call at all."""
        if self.permission is None:
            return _ANONYMOUS
        authorization = single_header(request.headers, "Authorization")
        token = await find_token(services, authorization, request.remote)
        request[LOG_FIELDS]["token_id"] = token.id
        if not token.has_permission(self.permission):
            raise Forbidden(f"This call needs the permission {self.permission}.")
        refuse_whole_scope(token, path_params, limits_itself=self.limits_itself)
        return token

    async def _answer(self, call: ApiCall[Any, Any]) -> web.StreamResponse:
        return await self._caught_up(call, self._call_handler)

    async def _caught_up(
        self, call: ApiCall[Any, Any], work: Callable[[ApiCall[Any, Any]], Awaitable[T]]
    ) -> T:
        try:
            return await work(call)
        except NotFound:
            if self.raw_body_types or not await call.services.cluster_sync.catch_up():
                raise
        return await work(call)

    async def _call_handler(self, call: ApiCall[Any, Any]) -> web.StreamResponse:
        await require_reach(call)
        return await self.handler(call)

    def _decode_query(self, request: web.Request, content_type: str) -> Any:
        query_type, hint = self.query_type or NoQuery, ""
        if self.raw_body_query is not None:
            if content_type == OCTET_STREAM:
                query_type = self.raw_body_query
            else:
                hint = _RAW_BODY_HINT
        if query_type is NoQuery and "?" not in request.raw_path:
            return NO_QUERY
        return decode_query(request.query, query_type, hint)

    async def _receive_body(
        self, request: web.Request, services: Services, content_type: str
    ) -> tuple[bytes, Spool | None]:
        """Return the body; bytes and long JSON are in a spool."""
        if not self.media_types:
            refuse_body(request)
            return b"", None
        if content_type not in self.media_types:
            await refuse_other_type(
                request, self.media_types, body_required=self.body_required
            )
            return b"", None
        has_arrived = request.content.is_eof() and content_type != OCTET_STREAM
        if has_arrived or content_type not in self._spooled_types:
            return await read_whole_body(request, self.max_body), None
        spool = services.body_budget.new_spool()
        call_after_request(spool.close)
        await spool_whole_body(request, spool, self.max_body)
        if content_type == OCTET_STREAM:
            await content_digest.check_content_digest(request, spool)
        if spool.size > MAX_IN_MEMORY or content_type == OCTET_STREAM:
            return b"", spool
        return await take_body(spool), None

    async def _decode_body(self, raw_body: bytes) -> Any:
        if not (raw_body or self.body_required):
            return self.body_type()
        return self.body_type and await decode_body(raw_body, self.body_type)
