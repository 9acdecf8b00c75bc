"""Long bodies of steps: they stay in the file of their call until they are kept."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import IO, Any

from pushserver.errors import Invalid, Unavailable
from pushserver.model.actor import Actor
from pushserver.model.order import Order
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.blobs import Blobs, ByteSource
from pushserver.web.api.command_parsing import KEPT_APART, parse_step
from pushserver.web.api.long_bodies import Span, bytes_of, find_long
from pushserver.web.api.operation_types import OperationSpecIn, StepIn
from pushserver.web.api.upgrade_types import UpgradeIn
from pushserver.web.json_body import decode_json, parse_file_apart
from pushserver.web.spool import Spool, SpoolPart

NO_BODIES: Mapping[str, ByteSource] = MappingProxyType({})


async def decode_spooled(
    spool: Spool, body_type: Any, protocols: Sequence[DeviceProtocol]
) -> tuple[Any, Mapping[str, ByteSource]]:
    """
    Decode JSON that is in a file; return it, and the long bodies of its steps.

    Those alone are in the file then, and the steps name them by their hashes.

    Raises:
        Malformed, Invalid: as `decode_json`.
        TooLarge: it takes too long, or too much memory.
        Unavailable: there is no room for it.
    """
    decoded, spans = await parse_file_apart(spool, _decode_file, body_type, protocols)
    return decoded, {sha256: SpoolPart(spool, *span) for sha256, span in spans.items()}


def _decode_file(
    descriptor: int, body_type: Any, protocols: Sequence[DeviceProtocol]
) -> tuple[Any, dict[str, Span]]:
    with os.fdopen(descriptor, "r+b", closefd=False) as file:
        decoded = decode_json(file.read(), body_type)
        try:
            return decoded, _move_long_bodies(decoded, protocols, file)
        except OSError:
            raise Unavailable("There is no room for the body. Try again.") from None


def _move_long_bodies(
    decoded: object, protocols: Sequence[DeviceProtocol], file: IO[bytes]
) -> dict[str, Span]:
    """Take long bodies out of the steps, and leave each once, alone, in *file*."""
    spans: dict[str, Span] = {}
    steps = list(_steps_of(decoded))
    sizes = [_body_size(each, protocols) for each in steps]
    file.seek(0)
    file.truncate()
    for step in (steps[index] for index in find_long(sizes)):
        content = _body_content(step, protocols)
        if content is None:
            continue
        sha256, start = hashlib.sha256(content).hexdigest(), file.tell()
        if sha256 not in spans:
            spans[sha256] = start, file.write(content)
        step.body, step.body_blob = KEPT_APART, sha256
    file.flush()
    return spans


def _steps_of(decoded: object) -> Iterator[StepIn]:
    if isinstance(decoded, OperationSpecIn):
        yield from decoded.steps
    elif isinstance(decoded, UpgradeIn):
        phases = decoded.phases
        yield from (*phases.download, *phases.apply, phases.verify.command)


def _body_size(step: StepIn, protocols: Sequence[DeviceProtocol]) -> int:
    """Return how long the body is at the most, whatever the device speaks."""
    orders = _possible_orders(step, protocols)
    return max((len(each.body or "") for each in orders), default=0)


def _body_content(step: StepIn, protocols: Sequence[DeviceProtocol]) -> bytes | None:
    """Return the body as a blob has it, if all devices would get the same."""
    contents = {bytes_of(each) for each in _possible_orders(step, protocols)}
    is_verbatim = all(each.sends_json_verbatim for each in protocols)
    return contents.pop() if is_verbatim and len(contents) == 1 else None


def _possible_orders(
    step: StepIn, protocols: Sequence[DeviceProtocol]
) -> Sequence[Order]:
    """
    Return what the step may ask of a device.

    What is wrong is left where it is, and refused once the device is known.
    """
    try:
        return [parse_step(step, "", each).order for each in protocols]
    except Invalid:
        return []


async def keep_step_bodies(
    blobs: Blobs,
    scope_id: int,
    orders: Iterable[Order],
    long_bodies: Mapping[str, ByteSource],
    actor: Actor,
    *,
    dry_run: bool = False,
) -> None:
    """
    Keep the long bodies of *orders* as blobs, and require the blobs that they name.

    Raises:
        Invalid: there is no such blob.
        Unavailable: the store is away.
    """
    named = [order for order in orders if order.blob not in long_bodies]
    await blobs.require(scope_id, named)
    for body in () if dry_run else long_bodies.values():
        await blobs.keep(scope_id, body, actor)
