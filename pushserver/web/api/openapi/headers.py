"""The headers that the API takes and sends, with what they mean."""

from collections.abc import Iterable, Mapping
from typing import Any

from pushserver.web.api.once import HEADER, MAX_KEY_LENGTH
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
