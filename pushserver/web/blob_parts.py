"""Puts blobs into what a protocol renders: a mark stands for each, and is replaced."""

import secrets
from collections.abc import Mapping, Sequence

import attrs

from pushserver.model.blob import Blob
from pushserver.model.order import Order

#: An answer: bytes as they are, and blobs between them, which are sent as base64.
AnswerParts = Sequence[bytes | Blob]


def mark_blob(order: Order) -> tuple[Order, bytes]:
    """Return the order with a mark in place of its blob's base64, and the mark."""
    # Nobody can guess it, so that it stands nowhere else.
    mark = secrets.token_hex(32)
    return attrs.evolve(order, body=f'"{mark}"'), mark.encode()


def split_at_marks(text: bytes, blobs: Mapping[bytes, Blob]) -> AnswerParts:
    """Return the parts of *text*, with the blobs where their marks are."""
    parts: list[bytes | Blob] = []
    for mark, blob in blobs.items():
        before, _, text = text.partition(mark)
        parts += before, blob
    return [*parts, text]
