"""What is done with many devices at once: those selected, or all that match."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from pushserver.clock import micros
from pushserver.errors import Forbidden, Invalid
from pushserver.model.device import MAX_HOLD_SECONDS, Device, DeviceIdentity
from pushserver.model.device_filter import DeviceFilter, DeviceOrder
from pushserver.model.token import Permission
from pushserver.storage.history import CommandFilter
from pushserver.web.api.device_fields import device_settings
from pushserver.web.api.device_types import DeviceIn
from pushserver.web.console.device_address import DeviceAddress
from pushserver.web.console.device_search import parse_device_search
from pushserver.web.console.form_fields import decode_fields
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.request import device_base

pages = Pages()
Act = Callable[[SignedInCall, Sequence[Device]], Awaitable[web.StreamResponse | None]]
#: More are not changed at once here: the API imports fleets.
_MAX_DEVICES = 10_000
_ID = "id-"


@pages.form("/devices/selection", Permission.DEVICES_WRITE, limits_itself=True)
async def confirm(call: SignedInCall) -> web.StreamResponse:
    """Say how many devices are meant, and ask for what the act needs."""
    chosen = await _chosen(call)
    return await call.render(
        "device_selection.html",
        act=_act_name(call),
        count=len(chosen),
        fields={name: call.form[name] for name in call.form if _is_choice(name)},
        needs=_NEEDS.get(_act_name(call)),
    )


@pages.form(
    "/devices/selection/run", Permission.DEVICES_WRITE, limits_itself=True, once=True
)
async def run(call: SignedInCall) -> web.StreamResponse:
    """Do it."""
    answer = await ACTS[_act_name(call)](call, await _chosen(call))
    return answer or call.see_other("/devices", "done_with_all")


def _is_choice(name: str) -> bool:
    return name.startswith(_ID) or name in ("q", "all", "act")


def _act_name(call: SignedInCall) -> str:
    name = call.form.get("act", "")
    if name not in ACTS:
        raise Invalid("Say what to do with the devices.")
    return name


async def _chosen(call: SignedInCall) -> Sequence[Device]:
    """
    Return the devices that are meant, of those that the token concerns.

    Raises:
        Invalid: there is none, there are too many, or nobody knows which.
    """
    if "all" in call.form:
        search = parse_device_search(call.form.get("q", ""))
        if search.unknown:
            raise Invalid("This is no filter of devices.", pointer="/q")
        criteria, online = search.criteria(), search.online
    else:
        shown_ids = [n.removeprefix(_ID) for n in call.form if n.startswith(_ID)]
        identify = call.services.protocols.identify
        ids = frozenset(identify(each).device_id for each in shown_ids)
        criteria, online = DeviceFilter(among=ids), None
    found = await call.services.device_list.page(
        call.scope_id,
        call.narrow(criteria),
        DeviceOrder(),
        online=online,
        limit=_MAX_DEVICES + 1,
    )
    if not 1 <= len(found) <= _MAX_DEVICES:
        raise Invalid(f"Choose 1 to {_MAX_DEVICES} devices.")
    return [device for _, device in found]


async def _adopt(call: SignedInCall, devices: Sequence[Device]) -> None:
    new: Mapping[DeviceIdentity, Mapping[str, Any]] = {
        each.identity: {} for each in devices if not each.is_adopted
    }
    await call.services.fleet.adopt_all(call.scope_id, new, call.actor)


async def _tag(call: SignedInCall, devices: Sequence[Device]) -> None:
    key, equals, value = call.form.get("value", "").partition("=")
    if not key or not equals:
        raise Invalid("A tag is key=value.")
    tag = device_settings(decode_fields({"tags": {key: value}}, DeviceIn))["tags"]
    await _change(call, devices, lambda device: {"tags": {**device.tags, **tag}})


async def _hold(call: SignedInCall, devices: Sequence[Device]) -> None:
    try:
        seconds = float(call.form.get("value", ""))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_HOLD_SECONDS:
        raise Invalid(f"A hold is 0 to {MAX_HOLD_SECONDS} seconds.")
    await _change(call, devices, lambda _: {"hold": micros(seconds)})


async def _change(
    call: SignedInCall,
    devices: Sequence[Device],
    settings_of: Callable[[Device], Mapping[str, Any]],
) -> None:
    """Change those that are adopted."""
    await call.services.fleet.change_adopted(
        call.scope_id, [each.device_id for each in devices], settings_of, call.actor
    )


async def _clear(call: SignedInCall, devices: Sequence[Device]) -> None:
    if not call.may(Permission.COMMANDS_WRITE):
        raise Forbidden("To withdraw commands needs commands:write.")
    criteria = CommandFilter(device_ids=frozenset(each.device_id for each in devices))
    await call.services.withdrawals.withdraw_matching(
        call.scope_id, criteria, is_dry_run=False, actor=call.actor
    )


async def _delete(call: SignedInCall, devices: Sequence[Device]) -> None:
    if call.form.get("value") != str(len(devices)):
        raise Invalid("What was typed is not how many there are: nothing was done.")
    for each in devices:
        delete = call.services.device_removal.delete
        await delete(call.scope_id, each.device_id, call.actor)


async def _make_keys(
    call: SignedInCall, devices: Sequence[Device]
) -> web.StreamResponse:
    services, base = call.services, device_base(call.request)
    ids = [each.device_id for each in devices if each.is_adopted]
    made = await services.key_issuer.make_keys(call.scope_id, ids, call.actor)
    rows = [
        (
            services.protocols.display_id(device.device_id),
            device,
            key,
            DeviceAddress.of(services.protocols.of_device(device.device_id), base, key),
        )
        for key, device in made
    ]
    return await call.render("device_keys.html", rows=rows)


ACTS: Mapping[str, Act] = {
    "adopt": _adopt,
    "tag": _tag,
    "hold": _hold,
    "clear": _clear,
    "keys": _make_keys,
    "delete": _delete,
}
#: What has to be typed for an act.
_NEEDS = {"tag": "site=north", "hold": "30", "delete": ""}
