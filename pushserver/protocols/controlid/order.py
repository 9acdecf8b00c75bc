"""Orders: validate what programs send and normalize it to the vendor's form."""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlencode

import msgspec

from pushserver.errors import Invalid
from pushserver.model.order import OCTET_STREAM, Order
from pushserver.protocols.base import Scalar

JSON = "application/json"

_ENDPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}", re.ASCII)
_FORBIDDEN_IN_QUERY = re.compile(r"[\x00-\x20\x7f]")
_QUERY_LIMIT = 8192


def make_order(
    *,
    endpoint: str,
    verb: str = "POST",
    body: bytes | None = None,
    content_type: str = JSON,
    query_string: str | Mapping[str, Scalar] | None = None,
    metadata: bytes | None = None,
) -> Order:
    """
    Validate a program's request and return it in the vendor's form.

    *body* and *metadata* are JSON texts.

    Raises:
        Invalid: a field has a value that no device understands.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    name = normalize_endpoint(endpoint)
    _check_names(media_type, verb, name)
    if body is not None and media_type == OCTET_STREAM:
        _check_base64(body)
    return Order(
        verb=verb,
        endpoint=name,
        body=None if body is None else _decode_utf8(body, "/body"),
        content_type=media_type,
        query_string=None
        if query_string is None
        else _check_query_string(query_string),
        metadata=None if metadata is None else _decode_utf8(metadata, "/metadata"),
    )


def normalize_endpoint(endpoint: str) -> str:
    """
    Return *endpoint* without slashes around it and without `.fcgi`.

    People paste both from the vendor's pages.
    """
    return endpoint.strip("/").removesuffix(".fcgi")


@lru_cache
def _check_names(media_type: str, verb: str, endpoint: str) -> None:
    if _MEDIA_TYPE.fullmatch(media_type) is None:
        raise Invalid(
            "contentType must be a media type, such as application/json.",
            pointer="/contentType",
        )
    if verb not in ("GET", "POST"):
        raise Invalid("verb must be GET or POST.", pointer="/verb")
    if _ENDPOINT.fullmatch(endpoint) is None:
        raise Invalid(
            "endpoint must be the name of one command, such as load_objects,"
            " without a path.",
            pointer="/endpoint",
        )


def _check_base64(body: bytes) -> None:
    try:
        text = msgspec.json.decode(body, type=str)
        base64.b64decode(text, validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise Invalid(
            "With contentType application/octet-stream, body must be one string of"
            " base64.",
            pointer="/body",
        ) from None


def _decode_utf8(raw: bytes, pointer: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Invalid("This must be UTF-8.", pointer=pointer) from None


def _check_query_string(query: str | Mapping[str, Scalar]) -> str:
    text = query if isinstance(query, str) else urlencode(_query_values(query))
    if _FORBIDDEN_IN_QUERY.search(text) or len(text) > _QUERY_LIMIT:
        raise Invalid(
            "queryString must be without spaces, line breaks and control characters,"
            f" and have at most {_QUERY_LIMIT} characters.",
            pointer="/queryString",
        )
    return text.removeprefix("?")


def _query_values(query: Mapping[str, Scalar]) -> dict[str, str]:
    """Return the values as text, booleans as 1 and 0."""
    return {
        name: str(int(value)) if isinstance(value, bool) else str(value)
        for name, value in query.items()
    }
