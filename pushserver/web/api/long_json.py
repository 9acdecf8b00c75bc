"""JSON with long texts in it, which are sent as they are: a copy would be as long."""

import secrets
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import msgspec

from pushserver.web.spool import MAX_IN_MEMORY

Piece = bytes | memoryview


class LongJson:
    """A JSON text that `encode_pieces` does not copy."""

    # msgspec would encode the fields of a class of attrs.
    __slots__ = ("text",)

    def __init__(self, text: Piece) -> None:
        self.text = text


def raw_or_long(text: str | Piece) -> msgspec.Raw | LongJson:
    """Return a JSON text to be encoded as it is."""
    if isinstance(text, str) or len(text) <= MAX_IN_MEMORY:
        return msgspec.Raw(text)
    return LongJson(text)


def encode_pieces(value: Any) -> Sequence[Piece]:
    """Return the compact JSON of *value*; long texts in it are pieces of their own."""
    long: list[Piece] = []
    # Nobody can have written it into what is around the texts.
    mark = b'"%s"' % secrets.token_hex().encode()

    def take(part: object) -> msgspec.Raw:
        if not isinstance(part, LongJson):
            raise NotImplementedError(type(part))
        long.append(part.text)
        return msgspec.Raw(mark)

    encoded = msgspec.json.encode(value, enc_hook=take)
    if not long:
        return [encoded]
    return list(chain(*zip_longest(encoded.split(mark), long, fillvalue=b"")))
