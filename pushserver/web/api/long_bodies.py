"""Long bodies of commands: from the file of a call into the store, in pieces."""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import IO

import attrs
import msgspec

from pushserver.errors import PushServerError, Unavailable
from pushserver.model.actor import Actor
from pushserver.model.blob import MAX_INLINE_BODIES, MAX_INLINE_BODY
from pushserver.model.command_request import CommandRequest
from pushserver.model.order import OCTET_STREAM, Order
from pushserver.services.blobs import Blobs, ByteSource

#: Where bytes are in a file: from which one on, and how many.
Span = tuple[int, int]


@attrs.frozen
class ParsedCommands:
    """
    Commands to be enqueued, and whether they came as an array.

    `long_bodies`: those that are not in the orders, by the indices of their commands.
    """

    requests: Sequence[CommandRequest]
    is_array: bool
    long_bodies: Mapping[int, ByteSource] = attrs.field(factory=dict)


def move_long_bodies(
    requests: Sequence[CommandRequest], file: IO[bytes]
) -> tuple[list[CommandRequest], dict[int, Span]]:
    """
    Take long bodies out of the orders, and leave them alone in *file*.

    Raises:
        Unavailable: the disk takes no more.
    """
    left, spans = list(requests), {}
    sizes = [len(each.order.body or "") for each in requests]
    try:
        file.seek(0)
        file.truncate()
        for index in find_long(sizes):
            order, start = requests[index].order, file.tell()
            spans[index] = start, file.write(bytes_of(order))
            order = attrs.evolve(order, body=None)
            left[index] = attrs.evolve(requests[index], order=order)
        file.flush()
    except OSError:
        raise Unavailable("There is no room for the body. Try again.") from None
    return left, spans


def find_long(sizes: Sequence[int]) -> list[int]:
    """
    Return which bodies of a call are kept apart, by their indices.

    Those are the long ones, and of many the longest, until the others are few enough.
    """
    long, inline = [], sum(sizes)
    for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        if sizes[index] <= MAX_INLINE_BODY and inline <= MAX_INLINE_BODIES:
            break
        long.append(index)
        inline -= sizes[index]
    return sorted(long)


def bytes_of(order: Order) -> bytes:
    """Return the body as a blob has it."""
    assert order.body is not None  # noqa: S101 - it is a long one
    if order.content_type == OCTET_STREAM:
        return b64decode(msgspec.json.decode(order.body, type=str))
    return order.body.encode()


@asynccontextmanager
async def kept_bodies(
    blobs: Blobs, scope_id: int, parsed: ParsedCommands, actor: Actor
) -> AsyncIterator[Sequence[CommandRequest]]:
    """
    Yield the requests, with blobs for their long bodies; require those that they name.

    If the block, which enqueues them, is refused, they are not kept.

    Raises:
        Invalid: there is no such blob.
        LimitReached: there is too much to which nothing refers.
        Unavailable: the store is away.
    """
    requests = list(parsed.requests)
    await blobs.require(scope_id, [each.order for each in requests])
    kept = []
    try:
        with ExitStack() as naming:
            for index, body in parsed.long_bodies.items():
                blob = await blobs.keep(scope_id, body, actor)
                kept.append(blob)
                naming.enter_context(blobs.naming(blob))
                order = attrs.evolve(requests[index].order, blob=blob.sha256)
                requests[index] = attrs.evolve(requests[index], order=order)
            yield requests
    except Unavailable:
        # Perhaps it was done all the same.
        raise
    except PushServerError:
        for blob in kept:
            await blobs.discard(blob)
        raise
