"""Upgrades over the API: make, follow, list their devices, change their course."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from pushserver.model.ids import parse_int64
from pushserver.model.operation import Operation
from pushserver.model.task import Counts, Task
from pushserver.model.token import Permission
from pushserver.model.upgrade import UpgradeResult, UpgradeState
from pushserver.storage.upgrading import PartFilter
from pushserver.web.api.enqueue import once_of
from pushserver.web.api.plans import read_targets, read_upgrade
from pushserver.web.api.route import (
    BASE,
    JSON,
    Call,
    Route,
    answer,
    capped,
    next_link,
    read_json,
    rendered,
)
from pushserver.web.api.tracking_types import DryRunOut, PageQuery
from pushserver.web.api.tracking_views import dry_run_out
from pushserver.web.api.upgrade_types import (
    PartsOut,
    PartsQuery,
    UpgradeIn,
    UpgradeOut,
    UpgradesOut,
)
from pushserver.web.api.upgrade_views import failures_out, part_out, upgrade_out
from pushserver.web.around import note

#: So many failures are shown with an upgrade.
FAILURES = 100
_encode = msgspec.json.Encoder().encode


class _Id(msgspec.Struct):
    id: str


async def make(call: Call[None, None]) -> web.StreamResponse:
    """Make an upgrade of many devices, or only tell who would be hit."""
    data, wanted = await read_json(call.request, UpgradeIn)
    upgrade, targets = read_upgrade(wanted), read_targets(wanted.targets)
    once, services = once_of(call, data), call.services
    if wanted.dry_run:
        expected = await services.tasks.expect(call.scope_id, targets)
        return answer(dry_run_out(expected))
    with services.queue.once(once):
        made = await services.upgrades.make(
            upgrade,
            targets,
            lambda standing: _encode(upgrade_out(standing, [])),
            scope_id=call.scope_id,
            by=call.token.id,
            request=once,
        )
    upgrade_id = msgspec.json.decode(made.answer, type=_Id).id
    note(call.request, task_id=upgrade_id)
    headers = {"Location": f"{BASE}/upgrades/{upgrade_id}"}
    if made.task is None:
        headers["Idempotency-Replayed"] = "true"
    return rendered(made.answer, status=201, headers=headers)


async def list_upgrades(call: Call[PageQuery, None]) -> web.StreamResponse:
    """List upgrades, newest first."""
    limit, before = capped(call.query.limit), _cursor(call.query.cursor)
    found = await call.services.upgrades.newest(
        call.scope_id, before=before, limit=limit + 1
    )
    page = UpgradesOut(items=[upgrade_out(each) for each in found[:limit]])
    if len(found) <= limit:
        return answer(page)
    page.next_cursor = page.items[-1].id
    return answer(page, headers=next_link(call.request, page.next_cursor))


def _cursor(text: str | None) -> int | None:
    return None if text is None else parse_int64(text, what="cursor", pointer="/cursor")


async def get(call: Call[None, None]) -> web.StreamResponse:
    """Show one upgrade, how far it is, and what failed."""
    upgrades, upgrade_id = call.services.upgrades, call.int64("upgrade_id")
    standing = await upgrades.get(call.scope_id, upgrade_id)
    failed = await upgrades.parts(
        upgrade_id, PartFilter(result=UpgradeResult.FAIL), limit=FAILURES + 1
    )
    shown = upgrade_out(standing, failures_out(failed[:FAILURES]))
    if len(failed) > FAILURES:
        shown.failures_cursor = str(failed[FAILURES - 1].id)
    return answer(shown)


async def list_parts(call: Call[PartsQuery, None]) -> web.StreamResponse:
    """List an upgrade's devices and how far each is."""
    upgrades, upgrade_id = call.services.upgrades, call.int64("upgrade_id")
    await upgrades.get(call.scope_id, upgrade_id)
    limit = capped(call.query.limit)
    found = await upgrades.parts(
        upgrade_id,
        _filter(call.query),
        after=_cursor(call.query.cursor) or 0,
        limit=limit + 1,
    )
    return _page(call.request, found[:limit], more=len(found) > limit)


def _filter(query: PartsQuery) -> PartFilter:
    if query.state in (None, "waiting"):
        return PartFilter(result=query.result, waiting=query.state and True)
    state = UpgradeState(query.state)
    return PartFilter(result=query.result, state=state, waiting=False)


def _page(
    request: web.Request, found: Sequence[Operation], *, more: bool
) -> web.StreamResponse:
    page = PartsOut(items=[part_out(each) for each in found])
    if not more:
        return answer(page)
    page.next_cursor = page.items[-1].sub_operation_id
    return answer(page, headers=next_link(request, page.next_cursor))


async def pause(call: Call[None, None]) -> web.StreamResponse:
    """Begin with no further device of an upgrade until it is resumed."""
    return await _moved(call, call.services.tasks.pause)


async def resume(call: Call[None, None]) -> web.StreamResponse:
    """Go on with a paused upgrade; the failures so far are forgiven."""
    return await _moved(call, call.services.tasks.resume)


async def cancel(call: Call[None, None]) -> web.StreamResponse:
    """Cancel an upgrade; steps in flight run to their end."""
    return await _moved(call, call.services.tasks.cancel)


async def retry(call: Call[None, None]) -> web.StreamResponse:
    """Begin anew on the devices that failed."""
    again = partial(call.services.tasks.retry, include_unknown=False)
    return await _moved(call, again)


async def _moved(
    call: Call[None, None],
    move: Callable[[int, int], Awaitable[tuple[Task, Counts]]],
) -> web.StreamResponse:
    upgrade_id = call.int64("upgrade_id")
    await call.services.upgrades.get(call.scope_id, upgrade_id)
    task, _ = await move(call.scope_id, upgrade_id)
    note(call.request, task_id=task.id, state=task.state)
    return await get(call)


_UPGRADE = "/upgrades/{upgrade_id}"
_route_to_read = partial(Route, method="GET", permission=Permission.OPERATIONS_READ)
_route_to_write: Any = partial(
    Route,
    method="POST",
    permission=Permission.OPERATIONS_WRITE,
    problems=(404, 409, 422, 503),
    answer=UpgradeOut,
)

ROUTES = (
    Route(
        method="POST",
        path="/upgrades",
        name="makeUpgrade",
        summary="Begin to upgrade many devices; or tell who would be hit",
        handler=make,
        permission=Permission.OPERATIONS_WRITE,
        media={JSON: UpgradeIn},
        answer=(UpgradeOut, DryRunOut),
        created=201,
        problems=(400, 409, 413, 415, 422, 503),
        headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
    _route_to_read(
        path="/upgrades",
        name="listUpgrades",
        summary="List upgrades, newest first",
        handler=list_upgrades,
        query=PageQuery,
        answer=UpgradesOut,
        problems=(422, 503),
    ),
    _route_to_read(
        path=_UPGRADE,
        name="getUpgrade",
        summary="Show an upgrade, how far it is, and what failed",
        handler=get,
        answer=UpgradeOut,
        problems=(404, 422, 503),
    ),
    _route_to_read(
        path=_UPGRADE + "/devices",
        name="listDevicesOfUpgrade",
        summary="List an upgrade's devices and how far each is",
        handler=list_parts,
        query=PartsQuery,
        answer=PartsOut,
        problems=(404, 422, 503),
    ),
    _route_to_write(
        path=_UPGRADE + "/pause",
        name="pauseUpgrade",
        summary="Begin with no further device of an upgrade until it is resumed",
        handler=pause,
    ),
    _route_to_write(
        path=_UPGRADE + "/resume",
        name="resumeUpgrade",
        summary="Go on with a paused upgrade; the failures so far are forgiven",
        handler=resume,
    ),
    _route_to_write(
        path=_UPGRADE + "/cancel",
        name="cancelUpgrade",
        summary="Cancel an upgrade; steps in flight run to their end",
        handler=cancel,
    ),
    _route_to_write(
        path=_UPGRADE + "/retry",
        name="retryUpgrade",
        summary="Begin anew on the devices that failed, also of one that has ended",
        handler=retry,
    ),
)
