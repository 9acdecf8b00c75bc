"""The filters above the commands: by state, device, endpoint, time, and who asked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from pushserver.errors import Invalid
from pushserver.model.ids import parse_int64
from pushserver.model.state import CommandState
from pushserver.storage.history import CommandFilter
from pushserver.web.api.command_parsing import optional_instant_range
from pushserver.web.console.choices import chosen
from pushserver.web.console.page import SignedInCall

#: The fields of the form, by which an address names them, too.
FIELDS = ("state", "device", "endpoint", "from", "to", "by", "held")
#: The most characters of a list's address that a command's page keeps.
_MAX_KEPT = 1000


async def command_criteria(
    call: SignedInCall, given: Mapping[str, str]
) -> CommandFilter:
    """
    Return the filter that is *given*, within the token's reach.

    Raises:
        Invalid: no state, device or token is called so, or an instant is none.
    """
    asked = {name: given.get(name, "").strip() for name in FIELDS}
    state = chosen({"state": asked["state"].upper()}, "state", CommandState)
    device_id = None
    if asked["device"]:
        identity = call.services.protocols.identify(asked["device"], "/device")
        device_id = identity.device_id
    after, before = optional_instant_range(
        _instant(asked["from"], "/from"), _instant(asked["to"], "/to")
    )
    return CommandFilter(
        states=frozenset() if state is None else frozenset({state}),
        device_id=device_id,
        device_ids=await call.reach,
        endpoint=asked["endpoint"] or None,
        created_after=after,
        created_before=before,
        created_by=_token_id(call, asked["by"]),
        held=True if chosen(asked, "held", ("yes",)) else None,
    )


def _instant(text: str, pointer: str) -> datetime | None:
    """Return the instant that a browser's field has, in UTC."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            "An instant is 2026-11-30T13:45, in UTC.", pointer=pointer
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _token_id(call: SignedInCall, text: str) -> int | None:
    """Return the id of the newest token with this name, or the id that this is."""
    if not text:
        return None
    tokens = call.services.tokens.in_scope(call.scope_id)
    named = [each.id for each in tokens if each.name.casefold() == text.casefold()]
    if named:
        return max(named)
    if text.isascii() and text.isdigit():
        return parse_int64(text, field_name="by")
    raise Invalid("No valid token has this name; its id finds it, too.", pointer="/by")


def list_address(call: SignedInCall) -> str:
    """Return the query of the list that led to a command, to lead back to it."""
    kept = call.query.get("list", "")[:_MAX_KEPT]
    pairs = [(k, v) for k, v in parse_qsl(kept) if k in (*FIELDS, "cursor")]
    return f"?{urlencode(pairs)}" if pairs else ""
