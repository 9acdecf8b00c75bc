"""What programs ask for, read: one command, an array of them, or raw bytes."""

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
import msgspec
from aiohttp import web
from msgspec import UnsetType

from pushserver.clock import from_datetime, micros
from pushserver.dialects.controlid.order import OCTET_STREAM, make_order, octet_body
from pushserver.errors import Invalid, Malformed
from pushserver.model.draft import Draft
from pushserver.web.api.command_types import CommandIn, OctetQuery
from pushserver.web.api.route import (
    JSON,
    decode,
    decode_query,
    media_type,
    unsupported,
)
from pushserver.web.api.tracking_types import StepIn

#: So many commands may be enqueued by one call.
MANY = 1000


_WANTED = CommandIn | list[CommandIn]
#: Nobody means a later instant.
LATEST = from_datetime(datetime(3000, 1, 1, tzinfo=UTC))


def read_drafts(request: web.Request, data: bytes) -> tuple[list[Draft], bool]:
    """Read what is to be enqueued, and whether it came as an array."""
    kind = media_type(request)
    if kind == OCTET_STREAM:
        query = decode_query(request.query, OctetQuery)
        return [_draft_of_octets(query, data)], False
    if kind != JSON:
        raise unsupported(request, JSON, OCTET_STREAM)
    wanted = decode(data, _WANTED)
    if not isinstance(wanted, list):
        return [_draft(wanted)], False
    if not 1 <= len(wanted) <= MANY:
        raise Invalid(f"An array must hold 1 to {MANY} commands.")
    return [_draft_at(item, f"/{place}") for place, item in enumerate(wanted)], True


def read_steps(steps: Sequence[StepIn], under: str = "/steps") -> list[Draft]:
    """Read the steps of an operation; *under* is the pointer to them."""
    return [read_step(step, f"{under}/{place}") for place, step in enumerate(steps)]


def read_step(step: StepIn, under: str) -> Draft:
    """Read one step; *under* is the pointer to it."""
    return attrs.evolve(_draft_at(step, under), resource=step.resource)


def _draft_at(item: CommandIn, under: str) -> Draft:
    """Read a command that is part of something; the pointer names its place."""
    try:
        return _draft(item)
    except Invalid as error:
        pointer = f"{under}{error.pointer or ''}"
        raise Invalid(error.detail, pointer=pointer) from None


def _draft(wanted: CommandIn) -> Draft:
    order = make_order(
        endpoint=wanted.endpoint,
        verb=wanted.verb,
        body=_given(wanted.body),
        content_type=wanted.content_type,
        query_string=wanted.query_string,
        metadata=_given(wanted.metadata),
    )
    return _with_options(Draft(order=order), wanted)


def _given(raw: msgspec.Raw | UnsetType) -> bytes | None:
    """Return a JSON text; `null` counts as left out."""
    if isinstance(raw, UnsetType):
        return None
    text = bytes(raw).strip()
    return None if text == b"null" else text


def _draft_of_octets(wanted: OctetQuery, data: bytes) -> Draft:
    order = make_order(
        endpoint=wanted.endpoint,
        verb=wanted.verb,
        body=octet_body(data),
        content_type=OCTET_STREAM,
        query_string=wanted.query_string,
        metadata=_json_text(wanted.metadata),
    )
    return _with_options(Draft(order=order), wanted)


def _json_text(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return bytes(decode(text.encode(), msgspec.Raw))
    except Malformed:
        raise Invalid("metadata must be JSON.", pointer="/metadata") from None


def _with_options(draft: Draft, wanted: CommandIn | OctetQuery) -> Draft:
    return Draft(
        order=draft.order,
        priority=wanted.priority,
        delivery=wanted.delivery,
        max_attempts=wanted.max_attempts,
        response_timeout=_micros(wanted.response_timeout),
        expires_in=_micros(wanted.expires_in),
        not_before=read_instant(wanted.not_before, "/notBefore"),
    )


def read_instant(instant: datetime | None, pointer: str) -> int | None:
    """
    Return an instant in microseconds UTC, if one is given.

    Raises:
        Invalid: it is out of all reason, and could not be written down again.
    """
    if instant is None:
        return None
    micros_utc = from_datetime(instant)
    if not 0 <= micros_utc < LATEST:
        name = pointer.removeprefix("/")
        raise Invalid(f"{name} must be between 1970 and 3000.", pointer=pointer)
    return micros_utc


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, micros(seconds))
