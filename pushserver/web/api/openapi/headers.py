"""The headers that the API takes and sends, with what they mean."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pushserver.model.order import OCTET_STREAM
from pushserver.web import content_digest
from pushserver.web.api.once import HEADER, MAX_KEY_LENGTH, REPLAYED_HEADER
from pushserver.web.api.route import ApiRoute
from pushserver.web.api.types import PageOut
from pushserver.web.request_identity import REQUEST_ID_HEADER

JsonObject = dict[str, Any]
_TEXT: JsonObject = {"type": "string"}
_SECONDS: JsonObject = {"type": "string", "pattern": "^[0-9]+$"}
_REQUEST_SCHEMAS: Mapping[str, JsonObject] = {
    HEADER: {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY_LENGTH,
        "pattern": "^[ -~]*$",
    },
}
_ONCE_HEADER = {HEADER: "The same key and request get the same answer, 24 h."}
_DIGEST_HEADER = {
    content_digest.HEADER: "The bytes' sha-256 or sha-512; 400 if it differs."
}
#: What each header of an answer means, and what it looks like.
_RESPONSE_HEADERS: Mapping[str, tuple[str, JsonObject]] = {
    "Location": ("The path of what was created.", _TEXT),
    "Link": (
        'The next page, as `<path>; rel="next"`, if there is one.',
        _TEXT,
    ),
    "ETag": ("The version, for `If-Match`.", _TEXT),
    "Idempotency-Replayed": (
        "`true`: this is the answer to an earlier request with the same key.",
        {"type": "string", "enum": ["true"]},
    ),
    "Preference-Applied": ("For how many seconds was waited at most.", _TEXT),
    "Content-Disposition": ("That it is a file, and what it is called.", _TEXT),
    "Content-Encoding": ("How the device compressed its body, if it did.", _TEXT),
    "X-Content-Type-Options": ("`nosniff`.", _TEXT),
    "X-Accel-Buffering": ("`no`: a proxy passes events on as they come.", _TEXT),
    "Cache-Control": ("`no-store`.", _TEXT),
    "Retry-After": ("After how many seconds another try is worth it.", _SECONDS),
    "WWW-Authenticate": ("How to say who calls.", _TEXT),
}


#: What every answer has, described once.
_OF_EVERY_ANSWER = {
    REQUEST_ID_HEADER: {"$ref": "#/components/headers/RequestId"},
}
HEADER_COMPONENTS: JsonObject = {
    "RequestId": {
        "description": "The id that the request came with, or else was given: the"
        " server's log has it.",
        "schema": _TEXT,
    },
}


def headers_taken_by(route: ApiRoute) -> Mapping[str, str]:
    """Return the request headers that mean something to a call, with what they mean."""
    once = {} if route.idempotency is None else _ONCE_HEADER
    digest = _DIGEST_HEADER if OCTET_STREAM in (route.raw_body_types or ()) else {}
    return {**once, **digest, **route.request_headers}


def headers_sent_by(route: ApiRoute) -> Sequence[str]:
    """Return what a success may have beside the headers of every answer, sorted."""
    once = () if route.idempotency is None else REPLAYED_HEADER
    types = (route.response_type, route.created_type)
    is_page = any(isinstance(t, type) and issubclass(t, PageOut) for t in types)
    # What is made by one call is listed in its answer to the last one.
    link = ["Link"] if is_page and route.method == "GET" else []
    return sorted({*once, *route.response_headers, *link})


def request_header(name: str, description: str) -> JsonObject:
    """Describe a header that a call takes."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": _REQUEST_SCHEMAS.get(name, _TEXT),
    }


def response_headers(names: Iterable[str]) -> JsonObject:
    """Describe headers of an answer; but for those of every answer, none must be."""
    described = {name: _RESPONSE_HEADERS[name] for name in names}
    return {
        **{
            name: {"description": description, "schema": schema}
            for name, (description, schema) in described.items()
        },
        **_OF_EVERY_ANSWER,
    }
