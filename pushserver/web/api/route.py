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
from pushserver.web.answer import respond
from pushserver.web.body import read_body
from pushserver.web.caller import authenticate
from pushserver.web.services import SERVICES, Services

Q = TypeVar("Q")
B = TypeVar("B")
T = TypeVar("T")

BASE = "/api/v1"
JSON = "application/json"
_encode = msgspec.json.Encoder().encode


@attrs.frozen
class Call(Generic[Q, B]):
    """
    A request, checked: who calls, its query and its body in their types.

    `names` are the parts of its path that the route's path has names for.
    """

    request: web.Request
    names: Mapping[str, str]
    services: Services
    token: Token
    query: Q
    body: B

    @property
    def scope_id(self) -> int:
        """The scope in which everything is asked and done: the token's."""
        return self.token.scope_id

    def int64(self, name: str) -> int:
        """
        Return a number from the path.

        Raises:
            Invalid: it is none.
        """
        return parse_int64(self.names[name], what=name)


@attrs.frozen(kw_only=True)
class Route(Generic[Q, B]):
    """
    One call of the API.

    `query` and `body` are the types of what is sent, `answer` of what comes back with
    `status`, or with `created` if that made something. A route with a `media` reads its
    body itself; that maps each content type to what OpenAPI says of it, `parameters`
    are the query that goes with it. Without a `permission` no token is needed.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Callable[[Call[Q, B]], Awaitable[web.StreamResponse]]
    permission: Permission | None
    query: type[Q] | None = None
    body: type[B] | None = None
    body_required: bool = True
    media: Mapping[str, Any] | None = None
    parameters: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | tuple[type[msgspec.Struct], ...] | str | None = None
    status: int = 200
    created: int | None = None
    problems: tuple[int, ...] = ()
    headers: Mapping[str, str] = attrs.Factory(dict)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check a request that came by the router, call the handler."""
        return await self.take(request, request.app[SERVICES], request.match_info)

    async def take(
        self, request: web.Request, services: Services, names: Mapping[str, str]
    ) -> web.StreamResponse:
        """Check the request, call the handler."""
        token = await self._token(request, services)
        query = decode_query(request.query, self.query) if self.query else None
        body = await self._body(request)
        call = Call(request, names, services, token, query, body)
        try:
            return await self.handler(call)  # type: ignore[arg-type]
        except NotFound:
            is_read = self.body is None and request.body_exists
            if is_read or not await services.peers.catch_up():
                raise
        # Another server may have made it a moment ago.
        return await self.handler(call)  # type: ignore[arg-type]

    async def _token(self, request: web.Request, services: Services) -> Token:
        if self.permission is None:
            return _NOBODY
        token = await authenticate(request, services)
        if not token.may(self.permission):
            raise Forbidden(f"This call needs the permission {self.permission}.")
        return token

    async def _body(self, request: web.Request) -> B | None:
        if self.body is None:
            return None
        data = await read_data(request)
        if not data and not self.body_required:
            return self.body()
        if media_type(request) != JSON:
            raise unsupported(request, JSON)
        body: B = decode(data, self.body)
        return body


_NOBODY = Token(
    id=0, scope_id=0, hash="", name="", permissions=frozenset(), created_at=0
)


async def read_data(request: web.Request) -> bytes:
    """
    Return the whole body.

    Raises:
        Malformed: it did not arrive whole.
        TooLarge: it is over the limit.
        UnsupportedMediaType: it is compressed.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", ""):
        if request.content_length is None or request.content_length > _DRAIN:
            request.protocol.close()
        raise UnsupportedMediaType(
            "Content-Encoding is not taken here; send the body as it is."
        )
    body = await read_body(request)
    if not body.complete:
        raise Malformed("The body ended before its Content-Length was reached.")
    return body.data


async def read_json(request: web.Request, kind: type[T]) -> tuple[bytes, T]:
    """
    Return a JSON body as it came, and read into *kind*.

    Raises:
        Malformed: it is no JSON, or did not arrive whole.
        Invalid: a field is wrong; the pointer names it.
        UnsupportedMediaType: it is something else.
    """
    data = await read_data(request)
    if media_type(request) != JSON:
        raise unsupported(request, JSON)
    value: T = decode(data, kind)
    return data, value


_DRAIN = 1024 * 1024


def media_type(request: web.Request) -> str:
    """Return what the body is said to be, empty if nothing is said."""
    header = request.headers.get("Content-Type", "")
    return header.partition(";")[0].strip().lower()


def unsupported(request: web.Request, *taken: str) -> UnsupportedMediaType:
    """Return the refusal of a body of another type."""
    given = request.headers.get("Content-Type", "none")[:100]
    return UnsupportedMediaType(
        f"Content-Type must be {' or '.join(taken)}, not {given}."
    )


def decode(data: bytes, kind: Any) -> Any:
    """
    Read JSON into *kind*.

    Raises:
        Malformed: it is no JSON.
        Invalid: a field is wrong; the pointer names it.
    """
    try:
        return _decoder(kind).decode(data)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is no valid JSON: {error}.") from None


@lru_cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return the reader of *kind*; making one takes longer than reading."""
    return msgspec.json.Decoder(kind)


def decode_query(query: MultiMapping[str], kind: Any) -> Any:
    """
    Read a query's parameters into *kind*; only a list takes a parameter twice.

    Raises:
        Invalid: a parameter is wrong, unknown, or doubled.
    """
    lists = {f.encode_name for f in msgspec.structs.fields(kind) if _is_list(f)}
    values: dict[str, Any] = {}
    for name, value in query.items():
        if name in lists:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise Invalid("This parameter is there twice.", pointer=f"/{name}")
        else:
            values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def _is_list(field: msgspec.structs.FieldInfo) -> bool:
    return getattr(field.type, "__origin__", None) is list


def invalid(error: msgspec.ValidationError) -> Invalid:
    """Turn msgspec's message into ours: what is wrong, and a JSON pointer to it."""
    # Of a mapping's key msgspec tells where the mapping is.
    said = str(error).replace(" - at `key` in `$", " (a key) - at `$")
    text, _, path = said.partition(" - at `$")
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


def answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Render *value* as compact JSON."""
    return rendered(_encode(value), status=status, headers=headers)


def rendered(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Return an answer whose JSON is written already."""
    return respond(body, status=status, content_type=JSON, headers=headers)


def next_link(request: web.Request, cursor: str) -> dict[str, str]:
    """Return the `Link` header to the page that begins at *cursor*."""
    url = request.rel_url.update_query(cursor=cursor)
    return {"Link": f'<{url}>; rel="next"'}


LIST_LIMIT = 1000
LONGEST_WAIT = 60.0


def capped(limit: int) -> int:
    """Return how many items a page has at the most."""
    return min(limit, LIST_LIMIT)
