"""A route of the API: one declaration that serves, checks and describes a call."""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import attrs
import msgspec
from aiohttp import web
from multidict import MultiMapping

from pushserver.errors import (
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    UnsupportedMediaType,
)
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission, Token
from pushserver.web.authentication import authenticate
from pushserver.web.body import read_body
from pushserver.web.response import make_response
from pushserver.web.services import SERVICES, Services

Q = TypeVar("Q")
B = TypeVar("B")
T = TypeVar("T")

BASE_PATH = "/api/v1"
JSON_MEDIA_TYPE = "application/json"
_encode = msgspec.json.Encoder().encode


@attrs.frozen
class ApiCall(Generic[Q, B]):
    """
    A request, checked: who calls, its query and its body in their types.

    `path_params` are the parts of its path that the route's path has names for.
    """

    request: web.Request
    path_params: Mapping[str, str]
    services: Services
    token: Token
    query: Q
    body: B

    @property
    def scope_id(self) -> int:
        """The scope in which everything is asked and done: the token's."""
        return self.token.scope_id

    def path_int64(self, name: str) -> int:
        """
        Return a number from the path.

        Raises:
            Invalid: it is none.
        """
        return parse_int64(self.path_params[name], field_name=name)


@attrs.frozen(kw_only=True)
class ApiRoute(Generic[Q, B]):
    """
    One call of the API.

    `query_type` and `body_type` are the types of what is sent, `answer` of what comes
    back with `status`, or with `created_status` if that made something. A route with a
    `raw_body_types` reads its body itself; that maps each content type to what OpenAPI
    says of it, `raw_body_query` are the query that goes with it. Without a `permission`
    no token is
    needed.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Callable[[ApiCall[Q, B]], Awaitable[web.StreamResponse]]
    permission: Permission | None
    query_type: type[Q] | None = None
    body_type: type[B] | None = None
    body_required: bool = True
    raw_body_types: Mapping[str, Any] | None = None
    raw_body_query: type[msgspec.Struct] | None = None
    response_type: (
        type[msgspec.Struct] | tuple[type[msgspec.Struct], ...] | str | None
    ) = None
    status: int = 200
    created_status: int | None = None
    error_statuses: tuple[int, ...] = ()
    request_headers: Mapping[str, str] = attrs.Factory(dict)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check a request that came by the router, call the handler."""
        return await self.handle_call(
            request, request.app[SERVICES], request.match_info
        )

    async def handle_call(
        self, request: web.Request, services: Services, path_params: Mapping[str, str]
    ) -> web.StreamResponse:
        """Check the request, call the handler."""
        token = await self._authorize(request, services)
        query = (
            decode_query(request.query, self.query_type) if self.query_type else None
        )
        body = await self._read_body(request)
        call = ApiCall(request, path_params, services, token, query, body)
        try:
            return await self.handler(call)  # type: ignore[arg-type]
        except NotFound:
            is_body_consumed = self.body_type is None and request.body_exists
            if is_body_consumed or not await services.cluster_sync.catch_up():
                raise
        # Another server may have made it a moment ago.
        return await self.handler(call)  # type: ignore[arg-type]

    async def _authorize(self, request: web.Request, services: Services) -> Token:
        if self.permission is None:
            return _ANONYMOUS
        token = await authenticate(request, services)
        if not token.has_permission(self.permission):
            raise Forbidden(f"This call needs the permission {self.permission}.")
        return token

    async def _read_body(self, request: web.Request) -> B | None:
        if self.body_type is None:
            return None
        raw_body = await read_whole_body(request)
        if not raw_body and not self.body_required:
            return self.body_type()
        if media_type(request) != JSON_MEDIA_TYPE:
            raise unsupported_media_type(request, JSON_MEDIA_TYPE)
        body: B = decode_json(raw_body, self.body_type)
        return body


_ANONYMOUS = Token(
    id=0, scope_id=0, hash="", name="", permissions=frozenset(), created_at=0
)


async def read_whole_body(request: web.Request) -> bytes:
    """
    Return the whole body.

    Raises:
        Malformed: it did not arrive whole.
        TooLarge: it is over the limit.
        UnsupportedMediaType: it is compressed.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", ""):
        if request.content_length is None or request.content_length > _MAX_DRAINED_BODY:
            request.protocol.close()
        raise UnsupportedMediaType(
            "Content-Encoding is not taken here; send the body as it is."
        )
    body = await read_body(request)
    if not body.is_complete:
        raise Malformed("The body ended before its Content-Length was reached.")
    return body.content


async def read_json(request: web.Request, body_type: type[T]) -> tuple[bytes, T]:
    """
    Return a JSON body as it came, and read into *body_type*.

    Raises:
        Malformed: it is no JSON, or did not arrive whole.
        Invalid: a field is wrong; the pointer names it.
        UnsupportedMediaType: it is something else.
    """
    raw_body = await read_whole_body(request)
    if media_type(request) != JSON_MEDIA_TYPE:
        raise unsupported_media_type(request, JSON_MEDIA_TYPE)
    value: T = decode_json(raw_body, body_type)
    return raw_body, value


_MAX_DRAINED_BODY = 1024 * 1024


def media_type(request: web.Request) -> str:
    """Return what the body is said to be, empty if nothing is said."""
    header = request.headers.get("Content-Type", "")
    return header.partition(";")[0].strip().lower()


def unsupported_media_type(
    request: web.Request, *accepted: str
) -> UnsupportedMediaType:
    """Return the refusal of a body of another type."""
    given = request.headers.get("Content-Type", "none")[:100]
    return UnsupportedMediaType(
        f"Content-Type must be {' or '.join(accepted)}, not {given}."
    )


def decode_json(data: bytes, target_type: Any) -> Any:
    """
    Read JSON into *target_type*.

    Raises:
        Malformed: it is no JSON.
        Invalid: a field is wrong; the pointer names it.
    """
    try:
        return _decoder(target_type).decode(data)
    except msgspec.ValidationError as error:
        raise invalid_from_msgspec(error) from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is no valid JSON: {error}.") from None


@lru_cache
def _decoder(target_type: Any) -> msgspec.json.Decoder[Any]:
    """Return the reader of *target_type*; making one takes longer than reading."""
    return msgspec.json.Decoder(target_type)


def decode_query(query: MultiMapping[str], query_type: Any) -> Any:
    """
    Read a query's parameters into *query_type*; only a list takes a parameter twice.

    Raises:
        Invalid: a parameter is wrong, unknown, or doubled.
    """
    list_names = {
        f.encode_name for f in msgspec.structs.fields(query_type) if _is_list(f)
    }
    values: dict[str, Any] = {}
    for name, value in query.items():
        if name in list_names:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise Invalid("This parameter is there twice.", pointer=f"/{name}")
        else:
            values[name] = value
    try:
        return msgspec.convert(values, query_type, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_from_msgspec(error) from None


def _is_list(field: msgspec.structs.FieldInfo) -> bool:
    return getattr(field.type, "__origin__", None) is list


def invalid_from_msgspec(error: msgspec.ValidationError) -> Invalid:
    """Turn msgspec's message into ours: what is wrong, and a JSON pointer to it."""
    # Of a mapping's key msgspec tells where the mapping is.
    message = str(error).replace(" - at `key` in `$", " (a key) - at `$")
    text, _, path = message.partition(" - at `$")
    # msgspec writes `[...]` for the values of a mapping, whose key it does not tell.
    plain = path.rstrip("`").replace("[...]", "")
    pointer = plain.replace("[", "/").replace("]", "").replace(".", "/")
    unknown = text.partition("unknown field `")[2].rstrip("`")
    missing = text.partition("missing required field `")[2].rstrip("`")
    name = unknown or missing
    return Invalid(
        text.replace("Object contains", "There is an")
        if unknown
        else text.replace("Object missing", "There is no"),
        pointer=(f"{pointer}/{name}" if name else pointer) or None,
    )


def json_response(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Render *value* as compact JSON."""
    return encoded_json_response(_encode(value), status=status, headers=headers)


def encoded_json_response(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Return an answer whose JSON is written already."""
    return make_response(
        body, status=status, content_type=JSON_MEDIA_TYPE, headers=headers
    )


def next_link(request: web.Request, cursor: str) -> dict[str, str]:
    """Return the `Connection` header to the page that begins at *cursor*."""
    url = request.rel_url.update_query(cursor=cursor)
    return {"Link": f'<{url}>; rel="next"'}


MAX_PAGE_SIZE = 1000
MAX_WAIT = 60.0


def cap_limit(limit: int) -> int:
    """Return how many items a page has at the most."""
    return min(limit, MAX_PAGE_SIZE)
