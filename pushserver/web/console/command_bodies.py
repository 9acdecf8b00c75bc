"""What a command says, and what was answered, as pages and files show it."""

from collections.abc import Mapping

import attrs
import msgspec

from pushserver.model.command import Command, Result
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.off_loop import GaveUp, run_off_loop
from pushserver.web.json_view import Node, build_view
from pushserver.web.secrets_mask import Mask

#: A longer text is no cell of a file, in bytes.
MAX_CELL = 32 * 1024


@attrs.frozen
class ShownBody:
    """A body as people may see it; `view` is None if it is no JSON, or too long."""

    size: int
    view: Node | None


async def shown_order(command: Command, *, reveals: bool) -> ShownBody | None:
    """Return the body of a command, if it has one."""
    body = None if command.order is None else command.order.body
    return None if body is None else await _shown(body.encode(), reveals=reveals)


async def shown_result(
    protocols: DeviceProtocols, result: Result, *, reveals: bool
) -> dict[str, ShownBody]:
    """Return what a device answered, by which part of it that is."""
    return {
        name: await _shown(bytes(part), reveals=reveals)
        for name, part in _parts(protocols, result).items()
    }


def _parts(
    protocols: DeviceProtocols, result: Result
) -> Mapping[str, bytes | memoryview]:
    parsed = protocols.parse_result(result)
    parts = {"response": parsed.response, "error": parsed.error, "code": parsed.code}
    return {name: part for name, part in parts.items() if part is not None}


async def _shown(body: bytes, *, reveals: bool) -> ShownBody:
    try:
        view = await run_off_loop(len(body), build_view, body, reveals)
    except GaveUp:
        view = None
    return ShownBody(len(body), view)


def masked_order(command: Command) -> str | None:
    """Return the body of a command as a cell of a file."""
    body = None if command.order is None else command.order.body
    return None if body is None else _masked(body.encode())


def masked_result(protocols: DeviceProtocols, result: Result) -> str | None:
    """Return what a device answered as a cell of a file: its error, if it has one."""
    parts = _parts(protocols, result)
    part = parts.get("error", parts.get("response"))
    return None if part is None else _masked(part)


def _masked(body: bytes | memoryview) -> str:
    """Return JSON without its secrets; what is long or unreadable is left out."""
    if len(body) > MAX_CELL:
        return "…"
    try:
        masked = Mask().apply(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        return "…"
    return msgspec.json.encode(masked).decode()
