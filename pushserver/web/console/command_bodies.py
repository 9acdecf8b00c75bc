"""What a command says, and what was answered, with what is secret masked."""

from typing import Any

import attrs
import msgspec

from pushserver.model.command import Command, Result
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.console.formats import showable

#: A longer text is not shown, in bytes: to look for secrets in it takes too long.
MAX_SHOWN = 64 * 1024
MASK = "••••••"
#: Fields whose values open doors, or prove who somebody is.
_SECRET_FIELDS = frozenset(
    {
        "password",
        "user_password",
        "panic_password",
        "salt",
        "pin",
        "secret",
        "key",
        "api_key",
        "token",
        "template",
        "image",
        "photo",
        "qrcode",
        "qrcode_value",
        "card",
        "card_value",
    }
)
#: Objects whose `value` is such a secret.
_SECRET_OBJECTS = frozenset({"cards", "qrcodes", "uhf_tags", "pins", "templates"})


@attrs.frozen
class ShownBody:
    """A body as people may see it; `text` is None if it is too long for that."""

    size: int
    text: str | None


def shown_order(command: Command) -> ShownBody | None:
    """Return the body of a command, if it has one."""
    body = None if command.order is None else command.order.body
    return None if body is None else _shown(body.encode())


def shown_result(
    protocols: DeviceProtocols, result: Result
) -> dict[str, ShownBody | None]:
    """Return what a device answered, by which part of it that is."""
    parsed = protocols.parse_result(result)
    parts = {"response": parsed.response, "error": parsed.error, "code": parsed.code}
    return {name: _shown(part) for name, part in parts.items() if part is not None}


def _shown(body: bytes | memoryview) -> ShownBody:
    if len(body) > MAX_SHOWN:
        return ShownBody(len(body), None)
    try:
        masked = _masked(msgspec.json.decode(body), is_secret=False)
    except (msgspec.DecodeError, RecursionError):
        return ShownBody(len(body), None)
    text = msgspec.json.format(msgspec.json.encode(masked), indent=2).decode()
    return ShownBody(len(body), showable(text))


def _masked(value: Any, *, is_secret: bool, owner: str = "") -> Any:
    """Return *value* with what is secret in it masked; *owner* names its object."""
    match value:
        case dict():
            owner = str(value.get("object", owner))
            return {k: _masked_field(k, v, owner) for k, v in value.items()}
        case list():
            return [_masked(each, is_secret=is_secret, owner=owner) for each in value]
        case None | bool():
            return value
    return MASK if is_secret else value


def _masked_field(name: str, value: Any, owner: str) -> Any:
    is_value = name == "value" and owner in _SECRET_OBJECTS
    is_secret = is_value or name.lower() in _SECRET_FIELDS
    inner = name if isinstance(value, list) and name != "values" else owner
    return _masked(value, is_secret=is_secret, owner=inner)
