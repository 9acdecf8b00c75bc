"""Upgrades over the API: make, follow, list their devices, change their course."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from pushserver.model.ids import parse_int64
from pushserver.model.operation import Operation
from pushserver.model.task import OperationCounts, Task
from pushserver.model.token import Permission
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState
from pushserver.storage.upgrades import DeviceUpgradeFilter
from pushserver.web.api.enqueue import parse_idempotent_request
from pushserver.web.api.operation_parsing import parse_target_selector, parse_upgrade
from pushserver.web.api.operation_types import DryRunOut, PageQuery
from pushserver.web.api.operation_views import dry_run_out
from pushserver.web.api.route import (
    BASE_PATH,
    JSON_MEDIA_TYPE,
    ApiCall,
    ApiRoute,
    cap_limit,
    encoded_json_response,
    json_response,
    next_link,
    read_json,
)
from pushserver.web.api.upgrade_types import (
    DeviceUpgradesOut,
    DeviceUpgradesQuery,
    UpgradeIn,
    UpgradeOut,
    UpgradesOut,
)
from pushserver.web.api.upgrade_views import (
    device_upgrade_out,
    failures_out,
    upgrade_out,
)
from pushserver.web.middleware import add_log_fields

#: So many failures are shown with an upgrade.
MAX_SHOWN_FAILURES = 100
_encode = msgspec.json.Encoder().encode


class _CreatedId(msgspec.Struct):
    id: str


async def create(call: ApiCall[None, None]) -> web.StreamResponse:
    """Make an upgrade of many devices, or only tell who would be hit."""
    raw_body, body = await read_json(call.request, UpgradeIn)
    upgrade, targets = parse_upgrade(body), parse_target_selector(body.targets)
    idempotency, services = parse_idempotent_request(call, raw_body), call.services
    if body.dry_run:
        target_devices = await services.tasks.preview_targets(call.scope_id, targets)
        return json_response(dry_run_out(target_devices))
    with services.queue.lock_key(idempotency):
        created = await services.upgrades.create(
            upgrade,
            targets,
            lambda standing: _encode(upgrade_out(standing, [])),
            scope_id=call.scope_id,
            created_by=call.token.id,
            idempotency=idempotency,
        )
    upgrade_id = msgspec.json.decode(created.answer, type=_CreatedId).id
    add_log_fields(call.request, task_id=upgrade_id)
    headers = {"Location": f"{BASE_PATH}/upgrades/{upgrade_id}"}
    if created.task is None:
        headers["Idempotency-Replayed"] = "true"
    return encoded_json_response(created.answer, status=201, headers=headers)


async def list_upgrades(call: ApiCall[PageQuery, None]) -> web.StreamResponse:
    """List upgrades, newest first."""
    limit, before = cap_limit(call.query.limit), _optional_cursor(call.query.cursor)
    upgrades = await call.services.upgrades.list_newest(
        call.scope_id, before=before, limit=limit + 1
    )
    page = UpgradesOut(items=[upgrade_out(each) for each in upgrades[:limit]])
    if len(upgrades) <= limit:
        return json_response(page)
    page.next_cursor = page.items[-1].id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


def _optional_cursor(text: str | None) -> int | None:
    return (
        None
        if text is None
        else parse_int64(text, field_name="cursor", pointer="/cursor")
    )


async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show one upgrade, how far it is, and what failed."""
    upgrades, upgrade_id = call.services.upgrades, call.path_int64("upgrade_id")
    progress = await upgrades.get(call.scope_id, upgrade_id)
    failed_operations = await upgrades.device_upgrades(
        upgrade_id,
        DeviceUpgradeFilter(result=DeviceUpgradeResult.FAIL),
        limit=MAX_SHOWN_FAILURES + 1,
    )
    upgrade_body = upgrade_out(
        progress, failures_out(failed_operations[:MAX_SHOWN_FAILURES])
    )
    if len(failed_operations) > MAX_SHOWN_FAILURES:
        upgrade_body.failures_cursor = str(failed_operations[MAX_SHOWN_FAILURES - 1].id)
    return json_response(upgrade_body)


async def list_device_upgrades(
    call: ApiCall[DeviceUpgradesQuery, None],
) -> web.StreamResponse:
    """List an upgrade's devices and how far each is."""
    upgrades, upgrade_id = call.services.upgrades, call.path_int64("upgrade_id")
    await upgrades.get(call.scope_id, upgrade_id)
    limit = cap_limit(call.query.limit)
    operations = await upgrades.device_upgrades(
        upgrade_id,
        _device_upgrade_filter(call.query),
        after=_optional_cursor(call.query.cursor) or 0,
        limit=limit + 1,
    )
    return _device_upgrades_page(
        call.request, operations[:limit], has_more=len(operations) > limit
    )


def _device_upgrade_filter(query: DeviceUpgradesQuery) -> DeviceUpgradeFilter:
    if query.state in (None, "waiting"):
        return DeviceUpgradeFilter(
            result=query.result, not_started=query.state and True
        )
    state = DeviceUpgradeState(query.state)
    return DeviceUpgradeFilter(result=query.result, state=state, not_started=False)


def _device_upgrades_page(
    request: web.Request, operations: Sequence[Operation], *, has_more: bool
) -> web.StreamResponse:
    page = DeviceUpgradesOut(items=[device_upgrade_out(each) for each in operations])
    if not has_more:
        return json_response(page)
    page.next_cursor = page.items[-1].sub_operation_id
    return json_response(page, headers=next_link(request, page.next_cursor))


async def pause(call: ApiCall[None, None]) -> web.StreamResponse:
    """Begin with no further device of an upgrade until it is resumed."""
    return await _apply_and_show(call, call.services.tasks.pause)


async def resume(call: ApiCall[None, None]) -> web.StreamResponse:
    """Go on with a paused upgrade; the failures so far are forgiven."""
    return await _apply_and_show(call, call.services.tasks.resume)


async def cancel(call: ApiCall[None, None]) -> web.StreamResponse:
    """Cancel an upgrade; steps in flight run to their end."""
    return await _apply_and_show(call, call.services.tasks.cancel)


async def retry(call: ApiCall[None, None]) -> web.StreamResponse:
    """Begin anew on the devices that failed."""
    retry_failed = partial(call.services.tasks.retry, include_unknown=False)
    return await _apply_and_show(call, retry_failed)


async def _apply_and_show(
    call: ApiCall[None, None],
    action: Callable[[int, int], Awaitable[tuple[Task, OperationCounts]]],
) -> web.StreamResponse:
    upgrade_id = call.path_int64("upgrade_id")
    await call.services.upgrades.get(call.scope_id, upgrade_id)
    task, _ = await action(call.scope_id, upgrade_id)
    add_log_fields(call.request, task_id=task.id, state=task.state)
    return await get(call)


_UPGRADE = "/upgrades/{upgrade_id}"
_read_route = partial(ApiRoute, method="GET", permission=Permission.OPERATIONS_READ)
_write_route: Any = partial(
    ApiRoute,
    method="POST",
    permission=Permission.OPERATIONS_WRITE,
    error_statuses=(404, 409, 422, 503),
    response_type=UpgradeOut,
)

ROUTES = (
    ApiRoute(
        method="POST",
        path="/upgrades",
        name="makeUpgrade",
        summary="Begin to upgrade many devices; or tell who would be hit",
        handler=create,
        permission=Permission.OPERATIONS_WRITE,
        raw_body_types={JSON_MEDIA_TYPE: UpgradeIn},
        response_type=(UpgradeOut, DryRunOut),
        created_status=201,
        error_statuses=(400, 409, 413, 415, 422, 503),
        request_headers={
            "Idempotency-Key": "The same key and request get the same answer, 24 h.",
        },
    ),
    _read_route(
        path="/upgrades",
        name="listUpgrades",
        summary="List upgrades, newest first",
        handler=list_upgrades,
        query_type=PageQuery,
        response_type=UpgradesOut,
        error_statuses=(422, 503),
    ),
    _read_route(
        path=_UPGRADE,
        name="getUpgrade",
        summary="Show an upgrade, how far it is, and what failed",
        handler=get,
        response_type=UpgradeOut,
        error_statuses=(404, 422, 503),
    ),
    _read_route(
        path=_UPGRADE + "/devices",
        name="listDevicesOfUpgrade",
        summary="List an upgrade's devices and how far each is",
        handler=list_device_upgrades,
        query_type=DeviceUpgradesQuery,
        response_type=DeviceUpgradesOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=_UPGRADE + "/pause",
        name="pauseUpgrade",
        summary="Begin with no further device of an upgrade until it is resumed",
        handler=pause,
    ),
    _write_route(
        path=_UPGRADE + "/resume",
        name="resumeUpgrade",
        summary="Go on with a paused upgrade; the failures so far are forgiven",
        handler=resume,
    ),
    _write_route(
        path=_UPGRADE + "/cancel",
        name="cancelUpgrade",
        summary="Cancel an upgrade; steps in flight run to their end",
        handler=cancel,
    ),
    _write_route(
        path=_UPGRADE + "/retry",
        name="retryUpgrade",
        summary="Begin anew on the devices that failed, also of one that has ended",
        handler=retry,
    ),
)
