"""What is done with one device: its settings, its key, its end."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from pushserver.errors import Invalid
from pushserver.model.device import Device
from pushserver.model.token import Permission
from pushserver.web.api.device_fields import device_settings
from pushserver.web.api.device_types import DeviceIn
from pushserver.web.console.device_address import DeviceAddress
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.json_body import decode_json
from pushserver.web.request import device_base

pages = Pages()
_DEVICE = "/devices/{device_id}"


@pages.page(_DEVICE + "/edit", Permission.DEVICES_READ)
async def edit(call: SignedInCall) -> web.StreamResponse:
    """Show the settings of a device in a form."""
    device = _device(call)
    tags = " ".join(f"{key}={value}" for key, value in device.tags.items())
    hold = "" if device.hold is None else f"{device.hold / 1_000_000:g}"
    given = {"name": device.name or "", "tags": tags, "hold": hold}
    return await _form(call, device, given, None)


@pages.form(_DEVICE + "/edit", Permission.DEVICES_WRITE)
async def save(call: SignedInCall) -> web.StreamResponse:
    """Save the settings of a device; what is wrong is said beside its field."""
    device = _device(call)
    try:
        settings = device_settings(_decode(call.form))
    except Invalid as error:
        return await _form(call, device, call.form, error)
    await call.services.fleet.patch(
        call.scope_id, device.device_id, settings, call.actor
    )
    return call.see_other(f"/devices/{call.path_params['device_id']}", "saved")


def _decode(form: Mapping[str, str]) -> DeviceIn:
    """
    Return the settings as the API reads them.

    Raises:
        Invalid: one is wrong; the pointer names it.
    """
    pairs = [word.partition("=") for word in form.get("tags", "").split()]
    if not all(equals for _, equals, _ in pairs):
        raise Invalid("A tag is key=value.", pointer="/tags")
    fields: dict[str, Any] = {
        "name": form.get("name") or None,
        "tags": {key: value for key, _, value in pairs},
        "hold": _number(form.get("hold", "")),
    }
    decoded: DeviceIn = decode_json(msgspec.json.encode(fields), DeviceIn)
    return decoded


def _number(text: str) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise Invalid("This is no number of seconds.", pointer="/hold")
    return number


async def _form(
    call: SignedInCall, device: Device, given: Mapping[str, str], error: Invalid | None
) -> web.Response:
    field = "" if error is None else (error.pointer or "/").split("/")[1]
    return await call.render(
        "device_edit.html",
        status=200 if error is None else 422,
        device=device,
        shown_id=call.services.protocols.display_id(device.device_id),
        given=given,
        errors={} if error is None else {field: error.detail},
    )


@pages.form(_DEVICE + "/key", Permission.DEVICES_WRITE, once=True)
async def make_key(call: SignedInCall) -> web.StreamResponse:
    """Give a device a new key, and show it: this once."""
    identity = call.path_device()
    key, device = await call.services.key_issuer.make_key(
        call.scope_id,
        identity.device_id,
        call.actor,
        enforce=True if "enforce" in call.form else None,
    )
    protocol = call.services.protocols.of_device(device.device_id)
    return await call.render(
        "device_key.html",
        device=device,
        shown_id=call.services.protocols.display_id(device.device_id),
        key=key,
        address=DeviceAddress.of(protocol, device_base(call.request), key),
    )


@pages.form(_DEVICE + "/delete", Permission.DEVICES_WRITE)
async def delete(call: SignedInCall) -> web.StreamResponse:
    """
    Forget a device, if its id was typed.

    Raises:
        Invalid: something else was typed.
    """
    device = _device(call)
    shown_id = call.services.protocols.display_id(device.device_id)
    if call.form.get("typed") != shown_id:
        raise Invalid("What was typed is not the id: nothing was done.")
    await call.services.device_removal.delete(
        call.scope_id, device.device_id, call.actor
    )
    return call.see_other("/devices", "deleted")


def _device(call: SignedInCall) -> Device:
    return call.services.devices.get(call.scope_id, call.path_device().device_id)
