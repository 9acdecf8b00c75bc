"""Kapua's ids: an int64 as its shortest signed bytes, in base64url without padding."""

import base64
import re

from pushserver.errors import Invalid
from pushserver.model.ids import MAX_INT64

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}", re.ASCII)
#: Eight bytes, and a leading zero byte that other encoders may add.
_MAX_BYTES = 9
_DANGLING_LENGTH = 1  # one character carries six bits: less than a byte


def encode_id(number: int) -> str:
    """Return an int64 as a Kapua id: 1 is AQ, 128 needs two bytes and is AIA."""
    bits = (number if number >= 0 else ~number).bit_length()
    data = number.to_bytes(bits // 8 + 1, "big", signed=True)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode_id(text: str) -> int:
    """
    Parse a Kapua id, ignoring padding and leftover bits, as Kapua does.

    Raises:
        Invalid: it is no base64url, or no int64.
    """
    plain = text.rstrip("=")
    if _BASE64URL.fullmatch(text) is None or len(plain) % 4 == _DANGLING_LENGTH:
        raise Invalid("An id is an int64 in base64url, such as AQ.")
    data = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    number = int.from_bytes(data, "big", signed=True)
    if len(data) > _MAX_BYTES or not ~MAX_INT64 <= number <= MAX_INT64:
        raise Invalid("An id has at most 64 bits.")
    return number
