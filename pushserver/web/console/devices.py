"""The list of devices, and adopting those in quarantine."""

from aiohttp import web

from pushserver.model.device_filter import DeviceOrder, DeviceSort
from pushserver.model.token import Permission
from pushserver.web.api.device_query import read_cursor, write_cursor
from pushserver.web.console.choices import chosen
from pushserver.web.console.device_rows import device_rows
from pushserver.web.console.device_search import parse_device_search
from pushserver.web.console.device_selection import ACTS
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages

pages = Pages()
PAGE_SIZE = 100
_SORTS = [f"{sign}{sort}" for sort in DeviceSort for sign in ("", "-")]


@pages.page("/devices", Permission.DEVICES_READ, limits_itself=True, shared=True)
async def list_devices(call: SignedInCall) -> web.StreamResponse:
    """Show the devices that match what was typed, a page of them."""
    services, typed = call.services, call.query.get("q", "")
    sort = chosen(call.query, "sort", _SORTS) or DeviceSort.DEVICE_ID
    search, descending = parse_device_search(typed), sort.startswith("-")
    found = await services.device_list.page(
        call.scope_id,
        call.narrow(search.criteria()),
        DeviceOrder(DeviceSort(sort.removeprefix("-")), descending),
        online=search.online,
        after=read_cursor(sort, call.query.get("cursor")),
        limit=PAGE_SIZE + 1,
    )
    next_cursor = None
    if len(found) > PAGE_SIZE:
        next_cursor = write_cursor(sort, found[PAGE_SIZE - 1][0])
    devices = [device for _, device in found[:PAGE_SIZE]]
    return await call.render(
        "devices.html",
        typed=typed,
        acts=[(act, call.text(f"selection.{act}")) for act in ACTS],
        sort=sort,
        search=search,
        rows=await device_rows(services, devices, call.scope_id),
        next_cursor=next_cursor,
        has_cursor="cursor" in call.query,
        quarantined=await count_quarantined(call),
    )


async def count_quarantined(call: SignedInCall) -> int:
    """Count the quarantined devices that whoever looks may see."""
    devices, reach = call.services.devices, call.services.token_reach
    found = devices.find_all(call.scope_id, devices.quarantined_ids)
    return sum(reach.reaches(call.token, device.device_id) for device in found)


@pages.form("/devices/{device_id}/adopt", Permission.DEVICES_WRITE)
async def adopt(call: SignedInCall) -> web.StreamResponse:
    """Vouch for a device."""
    identity = call.path_device()
    await call.services.fleet.adopt(call.scope_id, identity, call.actor)
    return call.see_other(call.back("/devices"), "adopted")
