"""Upgrades over the API: make, list, show with their devices, change their course."""

from functools import partial
from typing import Any

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState
from pushserver.services.upgrades import UpgradeProgress
from pushserver.storage.upgrades import DeviceUpgradeFilter
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_requests import WaitQuery
from pushserver.web.api.lasting import Lasting
from pushserver.web.api.once import Idempotency
from pushserver.web.api.operation_parsing import parse_target_selector, parse_upgrade
from pushserver.web.api.prefer import PREFER_HEADER
from pushserver.web.api.responses import encode_json, list_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.task_course import (
    TaskCourse,
    add_failures,
    create_or_preview,
    parse_task_filter,
)
from pushserver.web.api.task_types import DryRunOut, TasksQuery
from pushserver.web.api.upgrade_types import (
    DeviceUpgradesOut,
    DeviceUpgradesQuery,
    UpgradeIn,
    UpgradeOut,
    UpgradesOut,
)
from pushserver.web.api.upgrade_views import (
    device_upgrade_out,
    upgrade_out,
)
from pushserver.web.body import MAX_BODY_SIZE


async def _show(call: ApiCall[Any, Any], upgrade_id: int) -> UpgradeOut:
    upgrades = call.services.upgrades
    progress = await upgrades.get(call.scope_id, upgrade_id)
    upgrade_body = upgrade_out(progress)
    failed = DeviceUpgradeFilter(result=DeviceUpgradeResult.FAIL)
    device_ids = await call.services.token_reach.device_ids(call.token)
    await add_failures(
        upgrade_body,
        partial(upgrades.device_upgrades, upgrade_id, failed, device_ids=device_ids),
        partial(device_upgrade_out, call.services.protocols, call.token),
    )
    return upgrade_body


async def _is_over(call: ApiCall[Any, Any], upgrade_id: int) -> bool:
    progress = await call.services.upgrades.get(call.scope_id, upgrade_id)
    return progress.record.task.ended_at is not None


_UPGRADES = Lasting("/upgrades", "upgrade_id", _is_over, _show)

routes = Routes(Tag.UPGRADES, Permission.OPERATIONS_READ, Permission.OPERATIONS_WRITE)
_UPGRADE = "/upgrades/{upgrade_id}"


@routes(
    "POST",
    "/upgrades",
    "makeUpgrade",
    DryRunOut,
    created_status=201,
    created_type=UpgradeOut,
    response_headers=("Location", "Preference-Applied"),
    errors=(409,),
    idempotency=Idempotency.WITH_CHANGE,
    max_body=MAX_BODY_SIZE,
    limits_itself=True,
    example={
        "targets": {"deviceIds": ["478435"]},
        "targetVersion": "5.15.2",
        "phases": {
            "download": [{"endpoint": "firmware_load"}],
            "apply": [{"endpoint": "reboot"}],
            "verify": {
                "command": {"endpoint": "system_information"},
                "versionPointer": "/version",
            },
        },
        "policy": {"concurrency": 5},
    },
    request_headers=PREFER_HEADER,
)
async def create(call: ApiCall[None, UpgradeIn]) -> web.StreamResponse:
    """Begin to upgrade many devices; or tell which ones they would be."""
    body, services = call.body, call.services
    targets = await parse_target_selector(body.targets, services.protocols)
    protocol = await services.task_creator.protocol_of(call.scope_id, targets)
    upgrade_request = parse_upgrade(body, protocol)
    create = partial(
        services.upgrades.create,
        upgrade_request,
        render=lambda progress: encode_json(upgrade_out(progress, [])),
    )
    return await create_or_preview(
        call,
        _UPGRADES,
        targets,
        upgrade_request.plan.step_requests,
        create,
        dry_run=body.dry_run,
    )


@routes("GET", "/upgrades", "listUpgrades", UpgradesOut, limits_itself=True)
async def list_upgrades(call: ApiCall[TasksQuery, None]) -> web.StreamResponse:
    """List upgrades, newest first."""
    upgrades, task_filter = call.services.upgrades, parse_task_filter(call)

    async def fetch(*, before: int | None, limit: int) -> list[UpgradeProgress]:
        if task_filter is None:
            return []
        return await upgrades.list_newest(
            call.scope_id, task_filter, before=before, limit=limit
        )

    return await list_response(call, UpgradesOut, fetch, upgrade_out)


@routes("GET", _UPGRADE, "getUpgrade", UpgradeOut)
async def get(call: ApiCall[WaitQuery, None]) -> web.StreamResponse:
    """
    Show an upgrade, how far it is, and what failed.

    With `wait`, when it has ended, or as it stands after that many seconds.
    """
    return await _UPGRADES.respond(call, call.path_int64("upgrade_id"))


@routes("GET", _UPGRADE + "/devices", "listDevicesOfUpgrade", DeviceUpgradesOut)
async def list_device_upgrades(
    call: ApiCall[DeviceUpgradesQuery, None],
) -> web.StreamResponse:
    """List an upgrade's devices and how far each is."""
    upgrades, upgrade_id = call.services.upgrades, call.path_int64("upgrade_id")
    await upgrades.get(call.scope_id, upgrade_id)
    fetch = partial(
        upgrades.device_upgrades,
        upgrade_id,
        _device_upgrade_filter(call.query),
        device_ids=await call.services.token_reach.device_ids(call.token),
    )
    return await list_response(
        call,
        DeviceUpgradesOut,
        fetch,
        partial(device_upgrade_out, call.services.protocols, call.token),
        cursor="after",
        start=0,
        cursor_of=lambda operation: operation.id,
    )


def _device_upgrade_filter(query: DeviceUpgradesQuery) -> DeviceUpgradeFilter:
    if query.state in (None, "waiting"):
        return DeviceUpgradeFilter(
            result=query.result, not_started=query.state and True
        )
    state = DeviceUpgradeState(query.state)
    return DeviceUpgradeFilter(result=query.result, state=state, not_started=False)


_COURSE = TaskCourse("upgrade", lambda services: services.upgrades, _UPGRADES)
_COURSE.add_routes(
    routes,
    UpgradeOut,
    {
        "pause": "Begin with no further device of an upgrade until it is resumed",
        "resume": "Go on with a paused upgrade; the failures so far are forgiven",
        "cancel": "Cancel an upgrade; steps in flight run to their end",
    },
)


@routes(
    "POST",
    _UPGRADE + "/retry",
    "retryUpgrade",
    UpgradeOut,
    errors=(409, 410),
    idempotency=Idempotency.CLAIMED,
)
async def retry(call: ApiCall[None, None]) -> web.StreamResponse:
    """Retry the devices that failed, also of an upgrade that has ended."""
    retry_failed = partial(call.services.tasks.retry, include_unknown=False)
    return await _COURSE.change(call, retry_failed, starts_steps=True)
