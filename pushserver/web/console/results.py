"""What devices posted: the newest results, orphans too, and what each one says."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict

from aiohttp import web

from pushserver.errors import NotFound
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.command import Result
from pushserver.model.ids import MAX_INT64, parse_int64
from pushserver.model.order import OCTET_STREAM
from pushserver.model.token import Permission
from pushserver.web.api.reading_turn import respond_in_turn
from pushserver.web.console.choices import chosen
from pushserver.web.console.command_bodies import shown_result
from pushserver.web.console.commands import audit_command_shown
from pushserver.web.console.device_rows import titles
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.spooled_response import LongResponse

pages = Pages()
PAGE_SIZE = 50


class _ResultCriteria(TypedDict):
    """Which results are shown, as the store takes it."""

    device_id: int | None
    orphan: bool | None
    device_ids: frozenset[int] | None


@pages.page("/results", Permission.RESULTS_READ, limits_itself=True, shared=True)
async def list_results(call: SignedInCall) -> web.StreamResponse:
    """Show the results that match the filters, a page of them, newest first."""
    return await respond_in_turn(call, partial(_list, call))


async def _list(call: SignedInCall) -> web.StreamResponse:
    services, cursor = call.services, call.query.get("cursor")
    device, device_id = call.query.get("device", "").strip(), None
    if device:
        device_id = services.protocols.identify(device, "/device").device_id
    criteria = _ResultCriteria(
        device_id=device_id,
        orphan=True if chosen(call.query, "orphan", ("yes",)) else None,
        device_ids=await call.reach,
    )
    before = MAX_INT64
    if cursor is not None:
        before = parse_int64(cursor, field_name="cursor")
    found = await _read(call, criteria, before, PAGE_SIZE)
    # A page also ends early when it grows too heavy: look one result further.
    more = found and await _read(call, criteria, found[-1].id, 1)
    ids = {result.device_id for result in found}
    return await call.render(
        "results.html",
        results=found,
        titles=titles(call, ids),
        shown_ids={each: services.protocols.display_id(each) for each in ids},
        next_cursor=found[-1].id if more else None,
        has_cursor=cursor is not None,
    )


async def _read(
    call: SignedInCall, criteria: _ResultCriteria, before: int, limit: int
) -> Sequence[Result]:
    """Return the newest results that are older than the id *before*."""
    return await call.services.store.results(
        call.scope_id,
        after=0,
        limit=limit,
        newest_before=before,
        **criteria,
    )


@pages.page("/results/{posted_id}", Permission.RESULTS_READ, limits_itself=True)
async def show_result(call: SignedInCall) -> web.StreamResponse:
    """Show what a device posted."""
    show = partial(_show, call, reveals=False)
    return await respond_in_turn(call, show)


@pages.form("/results/{posted_id}/show", Permission.RESULTS_READ, limits_itself=True)
async def reveal_result(call: SignedInCall) -> web.StreamResponse:
    """Show it with its secrets; the audit says who saw them."""
    await _audit_shown(call, await _find(call))
    show = partial(_show, call, reveals=True)
    return await respond_in_turn(call, show)


@pages.form(
    "/results/{posted_id}/download", Permission.RESULTS_READ, limits_itself=True
)
async def download(call: SignedInCall) -> web.StreamResponse:
    """Send the very bytes that the device posted; the audit says who has them."""
    return await respond_in_turn(call, partial(_bytes, call))


async def _bytes(call: SignedInCall) -> web.StreamResponse:
    result = await _find(call)
    result.require_body()
    await _audit_shown(call, result)
    headers = {
        "Content-Type": OCTET_STREAM,
        "Content-Disposition": f'attachment; filename="result-{result.id}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return LongResponse([result.body], headers=headers)


async def _show(call: SignedInCall, *, reveals: bool) -> web.StreamResponse:
    services, result = call.services, await _find(call)
    device_id = result.device_id
    return await call.render(
        "result.html",
        result=result,
        title=titles(call, [device_id])[device_id],
        shown_id=services.protocols.display_id(device_id),
        answer=await shown_result(services.protocols, result, reveals=reveals),
        reveals=reveals,
    )


async def _find(call: SignedInCall) -> Result:
    """
    Return the result that the path names.

    Raises:
        NotFound: there is none that the token concerns.
    """
    result_id = call.path_int64("posted_id")
    found = await call.services.store.results(
        call.scope_id,
        after=result_id - 1,
        limit=1,
        device_id=None,
        orphan=None,
        device_ids=await call.reach,
    )
    if not found or found[0].id != result_id:
        raise NotFound(f"There is no result {result_id}.")
    return found[0]


async def _audit_shown(call: SignedInCall, result: Result) -> None:
    if result.command_id is not None:
        await audit_command_shown(call, result.command_id)
        return
    detail = {"result": str(result.id)}
    entry = device_entry(
        call.scope_id, call.actor, AuditAction.RESULT_SHOW, result.device_id, detail
    )
    await call.services.store.audit.add_entries([entry])
