"""What a command says, and what was answered, as pages and files show it."""

from collections.abc import Mapping

import attrs
import msgspec

from pushserver.model.command import Command, Result
from pushserver.model.order import OCTET_STREAM
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.off_loop import GaveUp, run_off_loop
from pushserver.web.json_view import Leaf, Node, build_view
from pushserver.web.secrets_mask import CUT, MASK, SecretsMask

#: A longer text is no cell of a file, in bytes.
MAX_CELL = 32 * 1024


@attrs.frozen
class ShownBody:
    """A body as people may see it; `view` is None if it is no JSON, or too long."""

    size: int
    view: Node | None


async def shown_order(
    protocols: DeviceProtocols, command: Command, *, reveals: bool
) -> ShownBody | None:
    """Return the body of a command, if it has one."""
    order = command.order
    if order is None or order.body is None:
        return None
    body = order.body.encode()
    if order.content_type == OCTET_STREAM and not reveals:
        return ShownBody(len(body), Leaf(MASK, "masked"))
    mask = None if reveals else _mask_of(protocols, command.device_id)
    return await _shown(body, mask)


async def shown_result(
    protocols: DeviceProtocols, result: Result, *, reveals: bool
) -> dict[str, ShownBody]:
    """Return what a device answered, by which part of it that is."""
    mask = None if reveals else _mask_of(protocols, result.device_id)
    return {
        name: await _shown(bytes(part), mask)
        for name, part in _parts(protocols, result).items()
    }


def _mask_of(protocols: DeviceProtocols, device_id: int) -> SecretsMask:
    return SecretsMask(protocols.of_device(device_id).secret_fields)


def _parts(
    protocols: DeviceProtocols, result: Result
) -> Mapping[str, bytes | memoryview]:
    parsed = protocols.parse_result(result)
    parts = {"response": parsed.response, "error": parsed.error, "code": parsed.code}
    return {name: part for name, part in parts.items() if part is not None}


async def _shown(body: bytes, mask: SecretsMask | None) -> ShownBody:
    try:
        view = await run_off_loop(len(body), build_view, body, mask)
    except GaveUp:
        view = None
    return ShownBody(len(body), view)


def masked_order(protocols: DeviceProtocols, command: Command) -> str | None:
    """Return the body of a command as a cell of a file."""
    order = command.order
    if order is None or order.body is None:
        return None
    if order.content_type == OCTET_STREAM:
        return MASK
    return masked_json(order.body.encode(), _mask_of(protocols, command.device_id))


def masked_result(protocols: DeviceProtocols, result: Result) -> str | None:
    """Return what a device answered as a cell of a file: its error, if it has one."""
    parts = _parts(protocols, result)
    part = parts.get("error", parts.get("response"))
    mask = _mask_of(protocols, result.device_id)
    return None if part is None else masked_json(part, mask)


def masked_json(body: bytes | memoryview, mask: SecretsMask) -> str:
    """Return JSON without its secrets; what is long or unreadable is left out."""
    if len(body) > MAX_CELL:
        return CUT
    try:
        masked = mask.apply(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        return CUT
    return msgspec.json.encode(masked).decode()
