"""Errors as Kapua's clients expect them, with the statuses of the API's table."""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from pushserver.dialects.kapua import errors
from pushserver.errors import (
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PushServerError,
    Unauthorized,
    UnsupportedMediaType,
)
from pushserver.model.storable_text import storable_text
from pushserver.web.device_url import mask_keys, mask_keys_in_text
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.problems import INTERNAL_ERROR, headers_of, status_of

#: At most this many characters of a refused name or value are shown.
_MAX_SHOWN_LENGTH = 100


class IllegalArgument(Invalid):
    """An id, a parameter or a field of the body has a value that is not allowed."""

    def __init__(self, name: str, value: str) -> None:
        self.name = storable_text(mask_keys(name)[:_MAX_SHOWN_LENGTH])
        self.value = storable_text(mask_keys(value)[:_MAX_SHOWN_LENGTH])
        super().__init__(
            f"An illegal value was provided for the argument {self.name}: {self.value}."
        )


class EntityNotFound(NotFound):
    """The operation or notification does not exist, or not for the caller."""

    def __init__(self, kind: str, given_id: str, entity_id: int) -> None:
        super().__init__(
            f"The entity of type {kind} with id/name {entity_id} was not found."
        )
        self.kind, self.given_id = kind, given_id


def render_error(error: Exception, _request_id: str | None = None) -> web.Response:
    """Render whatever a handler raised."""
    if isinstance(error, web.HTTPException):
        return _http_error_response(error)
    if not isinstance(error, PushServerError):
        body = errors.render_error(500, INTERNAL_ERROR, "INTERNAL_ERROR")
        return _response(500, body, {})
    status, headers = status_of(error), headers_of(error)
    if isinstance(error, Unauthorized):
        return web.Response(status=status, headers=dict(headers))
    if isinstance(error, Malformed | Invalid):
        return _illegal_argument_response(error)
    return _response(status, _error_body(error, status), headers)


def _error_body(error: PushServerError, status: int) -> bytes:
    if isinstance(error, Forbidden):
        return errors.render_subject_unauthorized(error.detail)
    if isinstance(error, EntityNotFound):
        return errors.render_entity_not_found(error.detail, error.kind, error.given_id)
    code = error.code.upper().replace("-", "_")
    return errors.render_error(status, error.detail, code)


def _illegal_argument_response(error: Malformed | Invalid) -> web.Response:
    detail = mask_keys_in_text(error.detail)
    if isinstance(error, UnsupportedMediaType):
        body = errors.render_error(415, detail, "UNSUPPORTED_MEDIA_TYPE")
        return _response(415, body, {})
    argument = (error.name, error.value) if isinstance(error, IllegalArgument) else None
    name, value = argument or ("body", "")
    return _response(400, errors.render_illegal_argument(detail, name, value), {})


def _http_error_response(error: web.HTTPException) -> web.Response:
    status = HTTPStatus(error.status)
    kept = {k: v for k, v in error.headers.items() if k == "Allow"}
    message = error.text or f"{status.value}: {status.phrase}"
    return _response(status, errors.render_error(status, message, status.name), kept)


def _response(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        content_type=JSON_MEDIA_TYPE,
        headers=dict(headers),
    )
