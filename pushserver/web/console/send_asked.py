"""A command as somebody fills it in: from a form of its vendor's, or as JSON."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import attrs
import msgspec

from pushserver.errors import Invalid, Malformed, TooLarge
from pushserver.model.command_form import CommandForm, FieldKind, FormField
from pushserver.web.console.page import SignedInCall
from pushserver.web.json_body import decode_body

#: The form that takes any endpoint and any JSON.
RAW = "raw"
#: Before the names of a form's fields, so that they are no others'.
PREFIX = "f-"
#: The longest body that can be typed, in bytes.
MAX_TYPED = 65_536
#: How deep it may be: it is written again further down the stack.
MAX_TYPED_DEPTH = 500
MAX_REASON = 500
#: The field with a file of JSON, which may be longer; editors may mark it as UTF-8.
JSON_FILE = "file"
_BOM = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)

#: What is wrong with a field: the key of a text, and what is put into it.
FieldProblem = tuple[str, Mapping[str, object]]


@attrs.define
class AskedCommand:
    """
    What was filled in. `command` is what the API takes, without the `content` of a
    file, or the `file_json`, its body then.

    It is None while a field is wrong; `problems` say which, by their names.
    """

    form: CommandForm | None
    given: Mapping[str, str]
    problems: dict[str, FieldProblem] = attrs.Factory(dict)
    command: dict[str, Any] | None = None
    content: bytes | None = None
    file_json: msgspec.Raw | None = None

    @property
    def name(self) -> str:
        """The name of the form."""
        return RAW if self.form is None else self.form.name


def find_form(forms: Iterable[CommandForm], name: str) -> CommandForm | None:
    """Return the form with this name, or else the first; None: it is JSON."""
    known = list(forms)
    if name == RAW or not known:
        return None
    return next((each for each in known if each.name == name), known[0])


def read_asked(
    call: SignedInCall, form: CommandForm | None, *, has_file: bool = True
) -> AskedCommand:
    """Return what was sent as a asked; without *has_file*, a file may be left out."""
    asked = AskedCommand(form, call.form)
    if form is None:
        command = _raw_command(asked)
    else:
        command = _filled_command(call, asked, form, has_file=has_file)
    if reason := call.form.get("reason", "")[:MAX_REASON]:
        command["metadata"] = {"reason": reason}
    asked.command = None if asked.problems else command
    return asked


async def take_json_file(asked: AskedCommand, content: bytes) -> None:
    """Take the body of a raw command from a file, if there is one."""
    if asked.form is not None or asked.command is None or not content:
        return
    if "body" in asked.command:
        asked.problems[JSON_FILE] = "send.two_bodies", {}
    else:
        try:
            asked.file_json = await decode_body(content.removeprefix(_BOM), msgspec.Raw)
        except (Malformed, Invalid, TooLarge):
            asked.problems[JSON_FILE] = "send.no_json", {}
    asked.command = None if asked.problems else asked.command


def _raw_command(asked: AskedCommand) -> dict[str, Any]:
    """Return what was written as JSON."""
    given, command = asked.given, dict[str, Any]()
    command["endpoint"] = given.get("endpoint", "")
    if not command["endpoint"]:
        asked.problems["endpoint"] = "send.required", {}
    if given.get("verb") == "GET":
        command["verb"] = "GET"
    if query := given.get("query"):
        command["queryString"] = query
    text = given.get("body", "")
    if len(text.encode()) > MAX_TYPED:
        asked.problems["body"] = "send.too_long", {}
    elif text:
        try:
            command["body"] = _json(text)
        except _Wrong as wrong:
            asked.problems["body"] = wrong.problem
    return command


def _filled_command(
    call: SignedInCall, asked: AskedCommand, form: CommandForm, *, has_file: bool
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in form.fields:
        if field.kind is FieldKind.FILE:
            asked.content = _file(call, field, asked, is_needed=has_file)
            continue
        try:
            value = _value(field, call.form.get(PREFIX + field.name, ""))
        except _Wrong as wrong:
            asked.problems[PREFIX + field.name] = wrong.problem
        else:
            values |= {} if value is None else {field.name: value}
    return {} if asked.problems else _fill(asked, form, values)


def _fill(
    asked: AskedCommand, form: CommandForm, values: dict[str, Any]
) -> dict[str, Any]:
    command: dict[str, Any] = {"endpoint": form.endpoint}
    try:
        filled = form.fill(values)
    except Invalid as error:
        name = PREFIX + (error.pointer or "").removeprefix("/")
        asked.problems[name] = "send.as_said", {"detail": error.detail}
        return command
    if form.verb != "POST":
        command["verb"] = form.verb
    if filled.query:
        command["queryString"] = urlencode(filled.query)
    if filled.body is not None:
        command["body"] = filled.body
    return command


def _file(
    call: SignedInCall, field: FormField, asked: AskedCommand, *, is_needed: bool
) -> bytes | None:
    content = call.files.get(field.name) or None
    if content is None and is_needed:
        asked.problems[PREFIX + field.name] = "send.required", {}
    if content is not None and len(content) > (field.maximum or len(content)):
        asked.problems[PREFIX + field.name] = "send.too_long", {}
    return content


class _Wrong(Exception):
    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.problem: FieldProblem = key, values


def _value(field: FormField, text: str) -> Any:
    """Return the value of a field, None if it is left empty."""
    if field.kind is FieldKind.SWITCH:
        return text == "1"
    if not text:
        if field.required:
            raise _Wrong("send.required")
        return None
    match field.kind:
        case FieldKind.NUMBER:
            return _number(field, text)
        case FieldKind.JSON:
            return _json(text)
        case FieldKind.CHOICE if text not in dict(field.choices):
            raise _Wrong("send.required")
    return text


def _number(field: FormField, text: str) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else None
    low, high = field.minimum, field.maximum
    is_within = number is not None and (
        (low is None or number >= low) and (high is None or number <= high)
    )
    if number is None or not is_within:
        raise _Wrong("send.no_number", low=low, high=high)
    return number


def _json(text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise _Wrong("send.no_json") from None
    if not is_shallow(value, MAX_TYPED_DEPTH):
        raise _Wrong("send.as_said", detail="It is nested too deeply.")
    return value


def is_shallow(value: Any, depth: int) -> bool:
    """Tell whether JSON has no more than so many levels."""
    level = [value]
    for _ in range(depth):
        level = [inner for each in level for inner in _parts_of(each)]
    return not level


def _parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
