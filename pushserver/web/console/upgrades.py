"""Upgrades: the list of them, and one with its devices."""

from aiohttp import web

from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.token import Permission
from pushserver.model.upgrade import DeviceUpgradeState
from pushserver.services.upgrades import UpgradeProgress
from pushserver.storage.upgrades import DeviceUpgradeFilter
from pushserver.web.console.choices import chosen
from pushserver.web.console.device_rows import titles
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.paging import cursor_before, cut_page
from pushserver.web.console.task_forms import add_task_forms
from pushserver.web.console.tasks import PAGE_SIZE, SHOWN_STATES, task_criteria

pages = Pages()


@pages.page("/upgrades", Permission.OPERATIONS_READ, limits_itself=True)
async def list_upgrades(call: SignedInCall) -> web.StreamResponse:
    """Show the upgrades that match the filters, a page of them, newest first."""
    criteria, found = task_criteria(call), list[UpgradeProgress]()
    if criteria is not None:
        found = await call.services.upgrades.list_newest(
            call.scope_id, criteria, before=cursor_before(call), limit=PAGE_SIZE + 1
        )
    shown, next_cursor = cut_page(found, PAGE_SIZE, lambda row: row.record.task.id)
    return await call.render(
        "tasks.html",
        rows=[(each.record.task, each.counts, each.record.upgrade) for each in shown],
        task_states=SHOWN_STATES,
        next_cursor=next_cursor,
        noun="upgrade",
    )


@pages.page("/upgrades/{upgrade_id}", Permission.OPERATIONS_READ)
async def show_upgrade(call: SignedInCall) -> web.StreamResponse:
    """Show an upgrade: how far each device is, and which failed."""
    services, upgrade_id = call.services, call.path_int64("upgrade_id")
    progress = await services.upgrades.get(call.scope_id, upgrade_id)
    state = chosen(call.query, "state", DeviceUpgradeState)
    found = await services.upgrades.device_upgrades(
        upgrade_id,
        DeviceUpgradeFilter(state=state),
        after=cursor_before(call) or 0,
        limit=PAGE_SIZE + 1,
        device_ids=await call.reach,
    )
    shown, next_cursor = cut_page(found, PAGE_SIZE, lambda operation: operation.id)
    ids = {each.device_id for each in shown}
    return await call.render(
        "upgrade.html",
        task=progress.record.task,
        upgrade=progress.record.upgrade,
        counts=progress.counts,
        rows=[(each, _state(each)) for each in shown],
        upgrade_states=[*DeviceUpgradeState],
        titles=titles(call, ids),
        shown_ids={each: services.protocols.display_id(each) for each in ids},
        next_cursor=next_cursor,
        noun="upgrade",
    )


def _state(operation: Operation) -> str:
    """Return the word of a device's badge: how it ended, or else how far it is."""
    if operation.status is not OperationStatus.RUNNING:
        return operation.status
    if not operation.queued_steps or operation.device_upgrade is None:
        return "waiting"
    return operation.device_upgrade.state


add_task_forms(pages, "upgrade")
