"""Recognises a terminal's request: which call, which device, and which key.

Format: Control iD, "Introduction to Push": `GET …/push?deviceId=…` and
`POST …/result?deviceId=…`, with `uuid` and `endpoint` from newer firmware.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from urllib.parse import parse_qsl, unquote

import msgspec

from pushserver.errors import Invalid, Malformed
from pushserver.model.device import DeviceIdentity
from pushserver.model.ids import MAX_INT64, parse_int64
from pushserver.protocols.base import DeviceRequest, RequestKind, UnknownRequestKind

NAME = "controlid"
ROUTES = (("GET", "/push"), ("POST", "/result"))

_KINDS = {
    ("GET", "push"): RequestKind.POLL,
    ("POST", "result"): RequestKind.RESULT,
}
_MIN_KEYED_PARTS = 2
_MONITOR = ("api", "notifications")
#: What firmware sends to a plain address; other forms take the slower path.
_FIRMWARE_URL = re.compile(
    r"/(push|result)"
    r"\?deviceId=([0-9]+)(?:&uuid=([\w.~-]*))?(?:&endpoint=([\w.~-]*))?",
    re.ASCII,
)
#: Nearly every deviceId: digits that fit into an int64, as they are shown.
_PLAIN_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
#: A longer body is not searched for the device that sent it.
_MAX_NOTIFICATION = 256 * 1024
#: More digits than any int64 has.
_MAX_DIGITS = 20


def identify(external_id: str) -> DeviceIdentity:
    """
    Return the identity of a terminal; its deviceId is also its `device_id`.

    Raises:
        Invalid: it is not an int64 in plain digits.
    """
    number = parse_int64(external_id, field_name="deviceId")
    return DeviceIdentity(number, NAME, str(number))


def recognise(
    method: str, raw_path: str, _headers: Mapping[str, str]
) -> DeviceRequest | None:
    """
    Return the poll or the result that this is, None if it is neither.

    Only its address tells.

    Raises:
        Malformed: the deviceId is missing, doubled, or not an int64 in plain digits.
    """
    fast_match = _FIRMWARE_URL.fullmatch(raw_path)
    if fast_match is not None:
        name, device_id, uuid, endpoint = fast_match.groups()
        kind = _KINDS.get((method, name))
        if kind is None:
            return None
        return DeviceRequest(
            kind, _require_device(device_id), None, uuid or None, endpoint or None
        )
    raw, _, query = raw_path.partition("?")
    kind, key = parse_path(method, unquote(raw))
    return None if kind is None else _with_query(kind, key, query)


def parse_path(method: str, path: str) -> tuple[RequestKind | None, str | None]:
    """
    Return which call this is, and the key in its (decoded) path.

    Devices append `/push` and `/result` to an address that people typed: any prefix,
    doubled and trailing slashes, and an extra `/push` before it are accepted.
    """
    parts = [part for part in path.split("/") if part]
    kind = _KINDS.get((method, parts[-1] if parts else ""))
    if kind is None:
        return None, None
    parts.pop()
    while parts and parts[-1] == "push":
        parts.pop()
    is_keyed = len(parts) >= _MIN_KEYED_PARTS and parts[-2] == "d"
    return kind, parts[-1] if is_keyed else None


def _with_query(kind: RequestKind, key: str | None, query: str) -> DeviceRequest:
    """Add the parameters of the raw query."""
    if "%" in query or "+" in query or not query.isascii():
        pairs = parse_qsl(query, keep_blank_values=True)
    else:
        pairs = [_pair(part) for part in query.split("&")]
    device_ids = [value for name, value in pairs if name == "deviceId"]
    if len(device_ids) != 1:
        raise Malformed("The query needs exactly one deviceId.")
    return DeviceRequest(
        kind,
        _require_device(device_ids[0]),
        key,
        _first(pairs, "uuid"),
        _first(pairs, "endpoint"),
    )


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _first(pairs: Sequence[tuple[str, str]], parameter: str) -> str | None:
    return next((value for name, value in pairs if name == parameter), None) or None


def _require_device(device_id: str) -> DeviceIdentity:
    if _PLAIN_ID.fullmatch(device_id):
        return DeviceIdentity(int(device_id), NAME, device_id)
    try:
        return identify(device_id)
    except Invalid as error:
        raise Malformed(error.detail) from None


def classify_unknown(path: str) -> UnknownRequestKind | None:
    """
    Return why a terminal calls this path.

    Its Monitor tells what happened. In online mode it asks who may pass: a success
    would make it wait for that decision before a closed door, a 404 makes it decide by
    itself.
    """
    parts = [part for part in path.split("/") if part]
    if _MONITOR in pairwise(parts):
        return UnknownRequestKind.NOTIFICATION
    last = parts[-1] if parts else ""
    if last.endswith(".fcgi"):
        return UnknownRequestKind.QUESTION
    is_push = last in ("push", "result")
    return UnknownRequestKind.OTHER_METHOD if is_push else None


class _Sender(msgspec.Struct):
    """The field of a notification that names its device: a number, or digits."""

    device_id: int | str | None = None


def find_sender(query: Mapping[str, str], body: bytes) -> DeviceIdentity | None:
    """Find the device that sent a notification in its query or its body."""
    text = query.get("deviceId") or query.get("device_id")
    if text is None and 0 < len(body) <= _MAX_NOTIFICATION:
        try:
            text = str(msgspec.json.decode(body, type=_Sender).device_id)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            text = None
    return _identify_or_none(text or "")


def _identify_or_none(text: str) -> DeviceIdentity | None:
    fits = text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS
    return identify(text) if fits and int(text) <= MAX_INT64 else None
