"""Request bodies of an enqueue as commands: one, an array of them, or raw bytes."""

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from pushserver.clock import from_datetime, micros, server_time
from pushserver.errors import Invalid, Malformed
from pushserver.model.blob import MAX_INLINE_BODY
from pushserver.model.command_request import CommandRequest
from pushserver.model.order import OCTET_STREAM, Order
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.off_loop import MAX_IN_THREAD, begin_piece, is_quick
from pushserver.web.api.command_requests import (
    CommandBatchIn,
    CommandIn,
    CommandOptions,
    CommandSpecIn,
    RawCommandQuery,
)
from pushserver.web.api.long_bodies import ParsedCommands, Span, move_long_bodies
from pushserver.web.api.operation_types import StepIn
from pushserver.web.json_body import (
    JSON_MEDIA_TYPE,
    decode_json,
    parse_apart,
    parse_file_apart,
)
from pushserver.web.spool import Spool, SpoolPart

#: What the call for one command takes: it is older than the calls for many.
COMMAND_OR_LIST = CommandIn | CommandBatchIn
#: The most bytes of a command's metadata.
MAX_METADATA = 16_384
#: What stands for the bytes of a blob while its order is checked.
NO_BYTES = b'""'
#: What stands for a body of which the command has the hash: no JSON is empty.
KEPT_APART = msgspec.Raw(b"")
#: An instant from here on is a mistake.
LATEST_INSTANT = from_datetime(datetime(3000, 1, 1, tzinfo=UTC))


async def parse_commands(
    body: bytes | Spool,
    query: Any,
    protocol: DeviceProtocol,
    json_type: Any = COMMAND_OR_LIST,
) -> ParsedCommands:
    """
    Return the commands to be enqueued.

    *protocol* is that of the device; it checks the orders. Raw bytes are in a spool;
    with those, the *query* is a `RawCommandQuery`. JSON is of *json_type*, and in a
    spool if it is long.

    Raises:
        Malformed: the body is not JSON.
        Invalid: a field is wrong; the pointer names it.
        TooLarge: the body holds too many values.
        Unavailable: there is no room for it.
    """
    if isinstance(query, RawCommandQuery):
        assert isinstance(body, Spool)  # noqa: S101 - so it is received
        return await _parse_raw(query, body, protocol)
    if isinstance(body, Spool):
        return await _parse_long_json(body, protocol, json_type)
    if is_quick(body):
        await begin_piece()
        parsed = parse_json_commands(body, protocol, json_type)
    else:
        parsed = await parse_apart(
            len(body), parse_json_commands, body, protocol, json_type
        )
    return ParsedCommands(*parsed)


async def _parse_raw(
    query: RawCommandQuery, spool: Spool, protocol: DeviceProtocol
) -> ParsedCommands:
    """Return the command whose body is raw."""
    if spool.size > MAX_INLINE_BODY:
        request = _parse_raw_command(query, None, protocol)
        return ParsedCommands([request], is_array=False, long_bodies={0: spool})
    body = await spool.take()
    if len(body) <= MAX_IN_THREAD:
        await begin_piece()
        request = _parse_raw_command(query, body, protocol)
    else:
        request = await parse_apart(
            len(body), _parse_raw_command, query, body, protocol
        )
    return ParsedCommands([request], is_array=False)


async def _parse_long_json(
    spool: Spool, protocol: DeviceProtocol, json_type: Any
) -> ParsedCommands:
    """Return the commands that are in a file, in which their long bodies stay."""
    requests, is_array, spans = await parse_file_apart(
        spool, _parse_json_file, protocol, json_type
    )
    long_bodies = {index: SpoolPart(spool, *span) for index, span in spans.items()}
    return ParsedCommands(requests, is_array, long_bodies)


def _parse_json_file(
    descriptor: int, protocol: DeviceProtocol, json_type: Any
) -> tuple[list[CommandRequest], bool, dict[int, Span]]:
    """Return the commands in a file, and where in it their long bodies are then."""
    with os.fdopen(descriptor, "r+b", closefd=False) as file:
        requests, is_array = parse_json_commands(file.read(), protocol, json_type)
        if not protocol.sends_json_verbatim:
            return requests, is_array, {}
        requests, spans = move_long_bodies(requests, file)
    return requests, is_array, spans


def parse_json_commands(
    body: bytes, protocol: DeviceProtocol, json_type: Any
) -> tuple[list[CommandRequest], bool]:
    """Return the commands in *body*, and whether it is an array."""
    decoded = decode_json(body, json_type)
    if not isinstance(decoded, list):
        return [_parse_command(decoded, protocol)], False
    return [
        _parse_command_at(item, f"/{index}", protocol)
        for index, item in enumerate(decoded)
    ], True


def parse_steps(
    steps: Sequence[StepIn], protocol: DeviceProtocol, pointer_prefix: str = "/steps"
) -> list[CommandRequest]:
    """Return the steps of an operation, which are at *pointer_prefix*."""
    return [
        parse_step(step, f"{pointer_prefix}/{index}", protocol)
        for index, step in enumerate(steps)
    ]


def parse_step(step: StepIn, pointer: str, protocol: DeviceProtocol) -> CommandRequest:
    """Return the step that is at *pointer*."""
    request = _parse_command_at(step, pointer, protocol)
    return attrs.evolve(request, resource=step.resource)


def _parse_command_at(
    command: CommandSpecIn, pointer_prefix: str, protocol: DeviceProtocol
) -> CommandRequest:
    """Return the command at *pointer_prefix*; the pointer of an error begins there."""
    try:
        return _parse_command(command, protocol)
    except Invalid as error:
        pointer = f"{pointer_prefix}{error.pointer or ''}"
        raise Invalid(error.detail, pointer=pointer) from None


def _parse_command(command: CommandSpecIn, protocol: DeviceProtocol) -> CommandRequest:
    blob, content_type = command.body_blob, command.content_type
    body = _json_or_none(command.body)
    if blob is not None and command.body != KEPT_APART:
        _refuse_other_body(body, content_type)
        content_type = OCTET_STREAM
    order = protocol.make_order(
        endpoint=command.endpoint,
        verb=command.verb,
        body=body if blob is None else NO_BYTES,
        content_type=content_type,
        query_string=command.query_string,
        metadata=_short(_json_or_none(command.metadata)),
    )
    if blob is not None:
        order = attrs.evolve(order, body=None, blob=blob)
    return _command_request(order, command)


def _refuse_other_body(body: bytes | None, content_type: str) -> None:
    """Refuse a body beside a blob, and types that are neither left out nor a blob's."""
    if body is not None or content_type not in (JSON_MEDIA_TYPE, OCTET_STREAM):
        raise Invalid(
            f"bodyBlob goes without a body; its contentType is {OCTET_STREAM}.",
            pointer="/bodyBlob",
        )


def _json_or_none(raw: msgspec.Raw | UnsetType) -> bytes | None:
    """Return a JSON text; `null` counts as left out."""
    text = b"null" if raw is UNSET else bytes(raw).strip()
    return None if text == b"null" else text


def _parse_raw_command(
    query: RawCommandQuery, raw_body: bytes | None, protocol: DeviceProtocol
) -> CommandRequest:
    order = protocol.make_order(
        endpoint=query.endpoint,
        verb=query.verb,
        body=NO_BYTES if raw_body is None else b'"' + base64.b64encode(raw_body) + b'"',
        content_type=OCTET_STREAM,
        query_string=query.query_string,
        metadata=None if query.metadata is None else _json_text(query.metadata),
    )
    if raw_body is None:
        order = attrs.evolve(order, body=None)
    return _command_request(order, query)


def _json_text(text: str) -> bytes | None:
    try:
        return _short(bytes(decode_json(text.encode(), msgspec.Raw)))
    except Malformed:
        raise Invalid("metadata must be JSON.", pointer="/metadata") from None


def _short(metadata: bytes | None) -> bytes | None:
    """
    Return metadata; it is in each item of a page of 1000, and in every event.

    Raises:
        Invalid: it is too long.
    """
    if len(metadata or b"") > MAX_METADATA:
        raise Invalid(
            f"metadata has at most {MAX_METADATA} bytes.", pointer="/metadata"
        )
    return metadata


def _command_request(order: Order, options: CommandOptions) -> CommandRequest:
    """Add the options of delivery to *order*; durations are above 0 if given."""
    timeout, expires_in = options.response_timeout, options.expires_in
    not_before = options.not_before
    return CommandRequest(
        order=order,
        priority=options.priority,
        guarantee=options.delivery,
        max_attempts=options.max_attempts,
        response_timeout=None if timeout is None else parse_duration(timeout),
        expires_in=None if expires_in is None else parse_duration(expires_in),
        not_before=None
        if not_before is None
        else parse_instant(not_before, "/notBefore"),
        supersede_key=_supersede_key(options),
    )


def _supersede_key(options: CommandOptions) -> str | None:
    """Return the key of the commands that this one replaces; steps have none."""
    key = getattr(options, "supersede", None)
    if key is not None and not key.isprintable():
        raise Invalid("supersede must be printable.", pointer="/supersede")
    return key


def parse_duration(seconds: float) -> int:
    """Return *seconds*, which are above 0, in microseconds: at least one."""
    return max(1, micros(seconds))


def parse_instant(instant: datetime, pointer: str) -> int:
    """
    Return the server time of the instant that a program named.

    Raises:
        Invalid: it is before 1970 or after 3000.
    """
    wall = from_datetime(instant)
    if not 0 <= wall < LATEST_INSTANT:
        name = pointer.removeprefix("/")
        raise Invalid(f"{name} must be between 1970 and 3000.", pointer=pointer)
    return server_time(wall)


def optional_instant_range(
    created_after: datetime | None, created_before: datetime | None
) -> tuple[int | None, int | None]:
    """
    Return both instants of server time, as far as they are given.

    Raises:
        Invalid: one is before 1970 or after 3000, or nothing lies between them.
    """
    after = _optional_instant(created_after, "/createdAfter")
    before = _optional_instant(created_before, "/createdBefore")
    if after is not None and before is not None and after >= before:
        raise Invalid(
            "createdBefore must be later than createdAfter.", pointer="/createdBefore"
        )
    return after, before


def _optional_instant(instant: datetime | None, pointer: str) -> int | None:
    return None if instant is None else parse_instant(instant, pointer)
