"""What programs ask for, read: one command, an array of them, or raw bytes."""

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
import msgspec
from aiohttp import web
from msgspec import UnsetType

from pushserver.clock import from_datetime, micros
from pushserver.dialects.controlid.order import OCTET_STREAM, base64_body, make_order
from pushserver.errors import Invalid, Malformed
from pushserver.model.command_request import CommandRequest
from pushserver.web.api.command_types import CommandIn, RawCommandQuery
from pushserver.web.api.operation_types import StepIn
from pushserver.web.api.route import (
    JSON_MEDIA_TYPE,
    decode_json,
    decode_query,
    media_type,
    unsupported_media_type,
)

#: So many commands may be enqueued by one call.
MAX_COMMANDS = 1000


_COMMAND_OR_LIST = CommandIn | list[CommandIn]
#: Nobody means a later instant.
LATEST_INSTANT = from_datetime(datetime(3000, 1, 1, tzinfo=UTC))


def parse_commands(
    request: web.Request, raw_body: bytes
) -> tuple[list[CommandRequest], bool]:
    """Read what is to be enqueued, and whether it came as an array."""
    content_type = media_type(request)
    if content_type == OCTET_STREAM:
        query = decode_query(request.query, RawCommandQuery)
        return [_parse_raw_command(query, raw_body)], False
    if content_type != JSON_MEDIA_TYPE:
        raise unsupported_media_type(request, JSON_MEDIA_TYPE, OCTET_STREAM)
    decoded = decode_json(raw_body, _COMMAND_OR_LIST)
    if not isinstance(decoded, list):
        return [_parse_command(decoded)], False
    if not 1 <= len(decoded) <= MAX_COMMANDS:
        raise Invalid(f"An array must hold 1 to {MAX_COMMANDS} commands.")
    return [
        _parse_command_at(item, f"/{index}") for index, item in enumerate(decoded)
    ], True


def parse_steps(
    steps: Sequence[StepIn], pointer_prefix: str = "/steps"
) -> list[CommandRequest]:
    """Read the steps of an operation; *pointer_prefix* is the pointer to them."""
    return [
        parse_step(step, f"{pointer_prefix}/{index}")
        for index, step in enumerate(steps)
    ]


def parse_step(step: StepIn, pointer: str) -> CommandRequest:
    """Read one step; *pointer* is the pointer to it."""
    return attrs.evolve(_parse_command_at(step, pointer), resource=step.resource)


def _parse_command_at(command: CommandIn, pointer_prefix: str) -> CommandRequest:
    """Read a command that is part of something; the pointer names its place."""
    try:
        return _parse_command(command)
    except Invalid as error:
        pointer = f"{pointer_prefix}{error.pointer or ''}"
        raise Invalid(error.detail, pointer=pointer) from None


def _parse_command(command: CommandIn) -> CommandRequest:
    order = make_order(
        endpoint=command.endpoint,
        verb=command.verb,
        body=_json_or_none(command.body),
        content_type=command.content_type,
        query_string=command.query_string,
        metadata=_json_or_none(command.metadata),
    )
    return _with_options(CommandRequest(order=order), command)


def _json_or_none(raw: msgspec.Raw | UnsetType) -> bytes | None:
    """Return a JSON text; `null` counts as left out."""
    if isinstance(raw, UnsetType):
        return None
    text = bytes(raw).strip()
    return None if text == b"null" else text


def _parse_raw_command(query: RawCommandQuery, raw_body: bytes) -> CommandRequest:
    order = make_order(
        endpoint=query.endpoint,
        verb=query.verb,
        body=base64_body(raw_body),
        content_type=OCTET_STREAM,
        query_string=query.query_string,
        metadata=_json_text(query.metadata),
    )
    return _with_options(CommandRequest(order=order), query)


def _json_text(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return bytes(decode_json(text.encode(), msgspec.Raw))
    except Malformed:
        raise Invalid("metadata must be JSON.", pointer="/metadata") from None


def _with_options(
    request: CommandRequest, options: CommandIn | RawCommandQuery
) -> CommandRequest:
    return CommandRequest(
        order=request.order,
        priority=options.priority,
        guarantee=options.delivery,
        max_attempts=options.max_attempts,
        response_timeout=_optional_micros(options.response_timeout),
        expires_in=_optional_micros(options.expires_in),
        not_before=parse_instant(options.not_before, "/notBefore"),
    )


def parse_instant(instant: datetime | None, pointer: str) -> int | None:
    """
    Return an instant in microseconds UTC, if one is given.

    Raises:
        Invalid: it is out of all reason, and could not be written down again.
    """
    if instant is None:
        return None
    micros_utc = from_datetime(instant)
    if not 0 <= micros_utc < LATEST_INSTANT:
        name = pointer.removeprefix("/")
        raise Invalid(f"{name} must be between 1970 and 3000.", pointer=pointer)
    return micros_utc


def _optional_micros(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, micros(seconds))
