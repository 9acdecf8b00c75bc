"""Error bodies for Kapua's clients."""

import msgspec

_to_json = msgspec.json.Encoder().encode


class _ErrorOut(
    msgspec.Struct, tag_field="type", tag="exceptionInfo", rename="camel", kw_only=True
):
    http_error_code: int
    message: str
    kapua_error_code: str


class _IllegalArgument(_ErrorOut, tag="illegalArgumentExceptionInfo", kw_only=True):
    argument_name: str
    argument_value: str


class _SubjectUnauthorized(_ErrorOut, tag="subjectUnauthorizedExceptionInfo"):
    pass


class _EntityNotFound(_ErrorOut, tag="entityNotFoundExceptionInfo", kw_only=True):
    entity_type: str
    entity_id: str


def render_error(status: int, message: str, code: str) -> bytes:
    """Render an error of the general form."""
    return _to_json(
        _ErrorOut(http_error_code=status, message=message, kapua_error_code=code)
    )


def render_illegal_argument(message: str, name: str, value: str) -> bytes:
    """Render an error about an invalid argument."""
    error = _IllegalArgument(
        http_error_code=400,
        message=message,
        kapua_error_code="ILLEGAL_ARGUMENT",
        argument_name=name,
        argument_value=value,
    )
    return _to_json(error)


def render_subject_unauthorized(message: str) -> bytes:
    """Render an error about a missing permission."""
    error = _SubjectUnauthorized(
        http_error_code=403, message=message, kapua_error_code="SUBJECT_UNAUTHORIZED"
    )
    return _to_json(error)


def render_entity_not_found(message: str, entity_type: str, entity_id: str) -> bytes:
    """Render an error about an unknown entity; its id is as the client sent it."""
    error = _EntityNotFound(
        http_error_code=404,
        message=message,
        kapua_error_code="ENTITY_NOT_FOUND",
        entity_type=entity_type,
        entity_id=entity_id,
    )
    return _to_json(error)
