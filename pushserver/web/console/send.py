"""Sends a command: filled in as a form, shown before it goes, and enqueued once."""

import secrets
from collections.abc import Mapping
from typing import Any

import attrs
import msgspec
from aiohttp import web

from pushserver.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PushServerError,
    TooLarge,
    TooMany,
)
from pushserver.model.command_form import CommandForm, words_in
from pushserver.model.device_filter import DeviceFilter, DeviceOrder
from pushserver.model.token import Permission
from pushserver.web.api.responses import BASE_PATH as API_PATH
from pushserver.web.console.form_key import form_key
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.send_asked import (
    JSON_FILE,
    PREFIX,
    RAW,
    AskedCommand,
    find_form,
    is_shallow,
    read_asked,
    take_json_file,
)
from pushserver.web.console.send_examples import make_examples
from pushserver.web.console.send_target import MATCHING, ONE, Target, find_target
from pushserver.web.console.sending import send_asked
from pushserver.web.problems import status_of
from pushserver.web.request import device_base

pages = Pages()
#: The longest form, in bytes: a photo.
MAX_BYTES = 4 * 1024 * 1024
#: Bytes of JSON that are also shown as programs would send them, which takes several
#: times as many; and how deep what is shown with an indent may be.
_MAX_EXAMPLE, _MAX_INDENTED = 16_384, 20
_MAX_WHO = 4096
#: How many devices are offered where one is typed.
OFFERED = 200
#: What is shown beside the form, and not as a page of its own.
_SHOWN_ERRORS = (Invalid, Forbidden, NotFound, Conflict, TooMany)


@pages.page("/send", Permission.COMMANDS_WRITE, limits_itself=True)
async def show_form(call: SignedInCall) -> web.StreamResponse:
    """Show the form of an endpoint, and the others to choose from."""
    form = find_form(_forms(call), call.query.get("form", ""))
    device = call.query.get("device") or await _only_device(call)
    given = {**call.query, "to": ONE, "who": device}
    if who := call.query.get("who"):
        given |= {"to": MATCHING, "who": who}
    return await _page(call, *await _ready_to_send(call, form, given))


async def _ready_to_send(
    call: SignedInCall, form: CommandForm | None, given: Mapping[str, str]
) -> tuple[AskedCommand, Target | None]:
    """Preview a form that needs nothing more, such as that of a door."""
    unfilled = AskedCommand(form, given)
    if form is None or not 1 <= len(given["who"]) <= _MAX_WHO:
        return unfilled, None
    defaults = {PREFIX + each.name: each.default for each in form.fields}
    asked = read_asked(attrs.evolve(call, form={**defaults, **given}), form)
    if asked.problems:
        return unfilled, None
    try:
        return asked, await find_target(call, given["to"], given["who"])
    except _SHOWN_ERRORS:
        return unfilled, None


@pages.form("/send", Permission.COMMANDS_WRITE, limits_itself=True, max_bytes=MAX_BYTES)
async def send(call: SignedInCall) -> web.StreamResponse:
    """Preview what was filled in, turn it into JSON, or send it."""
    form, typed = find_form(_forms(call), call.form.get("form", "")), _who(call)
    action = call.form.get("action", "preview")
    asked = read_asked(call, form, has_file=action == "send")
    await take_json_file(asked, call.files.get(JSON_FILE, b""))
    if action == RAW and asked.command is not None:
        return await _page(call, _as_raw(asked))
    try:
        target = await find_target(call, call.form.get("to", ONE), typed)
        if action != "send" or asked.command is None:
            return await _page(call, asked, target)
        if destroys(call, asked) and call.form.get("confirm") != target.confirmation:
            asked.problems["confirm"] = "send.confirm", {"word": target.confirmation}
            return await _page(call, asked, target)
        path = await send_asked(call, asked, target, form_key(call))
    except _SHOWN_ERRORS as error:
        return await _page(call, asked, error=error)
    return call.see_other(path, "sent")


def _who(call: SignedInCall) -> str:
    """
    Return what was typed for the devices.

    Raises:
        TooLarge: each link to another form has it, too.
    """
    typed = call.form.get("who", "")
    if len(typed) > _MAX_WHO:
        raise TooLarge(f"A filter of devices may have {_MAX_WHO} characters.")
    return typed


def _as_raw(asked: AskedCommand) -> AskedCommand:
    """Return the same command as JSON, to be edited."""
    command = asked.command or {}
    body = command.get("body")
    text = "" if body is None else _pretty(body)
    given = {
        **asked.given,
        "endpoint": command["endpoint"],
        "verb": command.get("verb", "POST"),
        "query": command.get("queryString", ""),
        "body": text,
    }
    return AskedCommand(None, given)


def _pretty(value: Any) -> str:
    """Return JSON with indents, unless it is so deep that these would be most of it."""
    indent = 2 if is_shallow(value, _MAX_INDENTED) else -1
    return msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()


def _forms(call: SignedInCall) -> list[CommandForm]:
    """Return the forms of every installed protocol."""
    return [form for each in call.services.protocols.installed for form in each.forms]


def destroys(call: SignedInCall, asked: AskedCommand) -> bool:
    """Tell whether what is done cannot be undone, whichever way it was written."""
    if asked.form is not None:
        return asked.form.destroys
    endpoint = asked.given.get("endpoint", "")
    return any(
        form.destroys and protocol.same_endpoint(endpoint, form.endpoint)
        for protocol in call.services.protocols.installed
        for form in protocol.forms
    )


async def _only_device(call: SignedInCall) -> str:
    """Return the id of the one device that there is, or else nothing."""
    found = await _devices(call, 2)
    return found[0][0] if len(found) == 1 else ""


async def _devices(call: SignedInCall, limit: int) -> list[tuple[str, str | None]]:
    """Return ids and names of devices to choose from, for who may see them."""
    if not call.may(Permission.DEVICES_READ):
        return []
    services, criteria = call.services, call.narrow(DeviceFilter())
    found = await services.device_list.page(
        call.scope_id, criteria, DeviceOrder(), limit=limit
    )
    return [(services.protocols.display_id(d.device_id), d.name) for _, d in found]


async def _page(
    call: SignedInCall,
    asked: AskedCommand,
    target: Target | None = None,
    *,
    error: PushServerError | None = None,
) -> web.Response:
    language = call.text.language
    has_file = asked.form is not None and asked.form.file_field is not None
    json = None if asked.command is None else _pretty(asked.command)
    examples = None
    is_short = json is not None and len(json) <= _MAX_EXAMPLE
    if asked.command is not None and target is not None and is_short:
        base = (device_base(call.request) or _local_base(call)) + API_PATH
        examples = make_examples(base, asked.command, target, has_file=has_file)
    given = asked.given
    return await call.render(
        "send.html",
        status=200 if error is None else status_of(error),
        forms=_forms(call),
        words=lambda words: words_in(words, language),
        choices_of=lambda field: [
            (value, words_in(words, language)) for value, words in field.choices
        ],
        asked=asked,
        given=given,
        destroys=destroys(call, asked),
        target=target,
        examples=examples,
        json=json,
        key=given.get("key") or secrets.token_urlsafe(18),
        devices=await _devices(call, OFFERED),
        error=error,
        has_file=has_file,
    )


def _local_base(call: SignedInCall) -> str:
    """Return this server's address, as the browser knows it."""
    return f"{call.request.scheme}://{call.request.host}{call.prefix}"
