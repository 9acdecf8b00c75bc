"""What a device's request address says: which call, whose, and with which key."""

import enum
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

import attrs

from pushserver.errors import Invalid, Malformed
from pushserver.model.ids import parse_int64


class DeviceCall(enum.Enum):
    """The calls that a device makes."""

    PUSH = "push"
    RESULT = "result"
    UNKNOWN = "stray"


_CALL_BY_METHOD_AND_NAME = {
    ("GET", "push"): DeviceCall.PUSH,
    ("POST", "result"): DeviceCall.RESULT,
}


@attrs.frozen
class DeviceQuery:
    """The parameters of a device's call; empty ones count as left out."""

    device_ids: Sequence[str] = ()
    uuid: str | None = None
    endpoint: str | None = None

    def require_device_id(self) -> int:
        """
        Return the one device id.

        Raises:
            Malformed: it is missing, doubled, or no int64 in plain digits.
        """
        if len(self.device_ids) != 1:
            raise Malformed("The query needs exactly one deviceId.")
        try:
            return parse_int64(self.device_ids[0], field_name="deviceId")
        except Invalid as error:
            raise Malformed(error.detail) from None


def parse_call(method: str, path: str) -> tuple[DeviceCall, str | None]:
    """
    Tell which call this is, and the key in its path.

    Devices append `/push` and `/result` to an address that people typed: any prefix,
    doubled and trailing slashes, and an extra `/push` before it are taken.
    """
    parts = [part for part in path.split("/") if part]
    call = _CALL_BY_METHOD_AND_NAME.get(
        (method, parts[-1] if parts else ""), DeviceCall.UNKNOWN
    )
    if call is DeviceCall.UNKNOWN:
        return call, None
    parts.pop()
    while parts and parts[-1] == "push":
        parts.pop()
    is_keyed = len(parts) >= _MIN_KEYED_PARTS and parts[-2] == "d"
    return call, parts[-1] if is_keyed else None


_MIN_KEYED_PARTS = 2


def redact_key(path: str) -> str:
    """Return a decoded path fit to be shown: what may be a key is left out of it."""
    shown, previous = [], ""
    for part in path.split("/"):
        shown.append("…" if part and previous == "d" else part)
        previous = part or previous
    return "/".join(shown)


#: What firmware sends; anything else is read with more patience.
_FIRMWARE_URL = re.compile(
    r"[^?]*\?deviceId=([0-9]+)(?:&uuid=([\w.~-]*))?(?:&endpoint=([\w.~-]*))?", re.ASCII
)


def parse_device_query(raw_path: str) -> DeviceQuery:
    """Read the parameters from a raw request path."""
    fast_match = _FIRMWARE_URL.fullmatch(raw_path)
    if fast_match is not None:
        device_id, uuid, endpoint = fast_match.groups()
        return DeviceQuery([device_id], uuid or None, endpoint or None)
    query = raw_path.partition("?")[2]
    if "%" in query or "+" in query or not query.isascii():
        pairs = parse_qsl(query, keep_blank_values=True)
    else:
        pairs = [_pair(part) for part in query.split("&")]
    return DeviceQuery(
        [value for name, value in pairs if name == "deviceId"],
        _first(pairs, "uuid"),
        _first(pairs, "endpoint"),
    )


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _first(pairs: Sequence[tuple[str, str]], parameter: str) -> str | None:
    for name, value in pairs:
        if name == parameter:
            return storable_text(value) or None
    return None


def storable_text(text: str) -> str:
    """Return *text* fit for any store: valid Unicode, and no NUL."""
    if text.isascii() and "\0" not in text:
        return text
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean.replace("\0", "\N{REPLACEMENT CHARACTER}")
