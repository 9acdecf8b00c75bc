"""The commands that a list shows, as a file: with what is masked masked."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from aiohttp import web

from pushserver.clock import rfc3339
from pushserver.errors import Invalid
from pushserver.model.token import Permission
from pushserver.services.off_loop import in_pieces
from pushserver.storage.history import CommandRecord
from pushserver.web.api.device_csv import with_apostrophe, write_rows
from pushserver.web.api.device_import import CSV, NDJSON
from pushserver.web.api.token_life import require_valid
from pushserver.web.console.command_bodies import masked_order, masked_result
from pushserver.web.console.command_filters import command_criteria
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.draining import write_and_drain

pages = Pages()
#: The most commands of a file, and of one page that is read for it: a slow reader has
#: so many in memory, each with two cells.
MAX_EXPORTED, EXPORTED_AT_ONCE = 10_000, 10
_COLUMNS = (
    "id",
    "deviceId",
    "endpoint",
    "state",
    "createdAt",
    "sentAt",
    "finishedAt",
    "attempts",
    "createdBy",
    "body",
    "result",
)
_TYPES = {"csv": CSV + "; charset=utf-8", "ndjson": NDJSON}


@pages.form("/commands/export", Permission.COMMANDS_READ, limits_itself=True)
async def export(call: SignedInCall) -> web.StreamResponse:
    """Send the newest commands that match the filters, as CSV or NDJSON."""
    kind = call.form.get("format", "")
    if kind not in _TYPES:
        raise Invalid("format must be csv or ndjson.", pointer="/format")
    response = web.StreamResponse(
        headers={
            "Content-Type": _TYPES[kind],
            "Content-Disposition": f'attachment; filename="commands.{kind}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )
    pieces = _pieces(call, kind)
    first = await anext(pieces, b"")
    await response.prepare(call.request)
    if kind == "csv":
        await write_and_drain(call.request, response, write_rows([_COLUMNS]))
    await write_and_drain(call.request, response, first)
    async for piece in pieces:
        await write_and_drain(call.request, response, piece)
    await response.write_eof()
    return response


async def _pieces(call: SignedInCall, kind: str) -> AsyncIterator[bytes]:
    """
    Yield the lines, a few at a time; of all readers, one has results in memory.

    Raises:
        NoLongerValid: whoever reads is not signed in any more.
        Unavailable: the store is away.
    """
    criteria = await command_criteria(call, call.form)
    before, left = None, MAX_EXPORTED
    while left > 0:
        async with call.services.body_budget.turn:
            await require_valid(call)
            records = await call.services.store.commands(
                call.scope_id,
                criteria,
                before=before,
                limit=min(EXPORTED_AT_ONCE, left),
            )
            piece = await _lines(call, records, kind)
        if not records:
            return
        left -= len(records)
        before = records[-1].command.id
        del records
        yield piece


async def _lines(
    call: SignedInCall, records: Sequence[CommandRecord], kind: str
) -> bytes:
    lines = [
        _csv(row) if kind == "csv" else msgspec.json.encode(row) + b"\n"
        async for row in _rows(call, records)
    ]
    return b"".join(lines)


async def _rows(
    call: SignedInCall, records: Sequence[CommandRecord]
) -> AsyncIterator[dict[str, str | int | None]]:
    protocols, may_read = call.services.protocols, call.may(Permission.RESULTS_READ)
    async for record in in_pieces(records):
        command, result = record.command, record.result if may_read else None
        values = (
            str(command.id),
            protocols.display_id(command.device_id),
            command.endpoint,
            str(command.state),
            rfc3339(command.created_at),
            None if command.sent_at is None else rfc3339(command.sent_at),
            None if command.finished_at is None else rfc3339(command.finished_at),
            command.attempts,
            command.created_by.name,
            masked_order(protocols, command),
            None if result is None else masked_result(protocols, result),
        )
        yield dict(zip(_COLUMNS, values, strict=True))


def _csv(row: dict[str, str | int | None]) -> bytes:
    cells = ("" if v is None else with_apostrophe(str(v)) for v in row.values())
    return write_rows([list(cells)])
