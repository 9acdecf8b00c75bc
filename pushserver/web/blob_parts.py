"""Puts blobs into what a protocol renders: a mark stands for each, and is replaced."""

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence

import attrs

from pushserver.model.blob import Blob
from pushserver.model.order import OCTET_STREAM, Order


@attrs.frozen
class BlobPart:
    """A blob in an answer, where it is sent as it is, or as base64."""

    blob: Blob
    is_base64: bool = False

    @property
    def length(self) -> int:
        """The bytes that it takes there."""
        size = self.blob.size
        return -(-size // 3) * 4 if self.is_base64 else size

    def encode(self, piece: bytes) -> bytes:
        """Return a piece of the blob as it is sent."""
        return b64encode(piece) if self.is_base64 else piece


#: An answer: bytes as they are, and blobs between them.
AnswerParts = Sequence[bytes | BlobPart]


def mark_blob(order: Order, blob: Blob) -> tuple[Order, bytes, BlobPart]:
    """
    Return the order with a mark in it, the mark, and what takes its place.

    Of bytes, that is the base64 in a JSON string; of JSON, the string with its quotes.
    """
    # Nobody can guess it, so that it stands nowhere else.
    token = secrets.token_hex(32)
    quoted, is_base64 = f'"{token}"', order.content_type == OCTET_STREAM
    mark = token if is_base64 else quoted
    marked = attrs.evolve(order, body=quoted, blob=None)
    return marked, mark.encode(), BlobPart(blob, is_base64)


def split_at_marks(text: bytes, blobs: Mapping[bytes, BlobPart]) -> AnswerParts:
    """Return the parts of *text*, with the blobs where their marks are."""
    parts: list[bytes | BlobPart] = []
    for mark, blob in blobs.items():
        before, _, text = text.partition(mark)
        parts += before, blob
    return [*parts, text]
