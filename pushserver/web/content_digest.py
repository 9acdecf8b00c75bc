"""The header `Content-Digest` (RFC 9530): by it a server knows what was sent."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from aiohttp import web

from pushserver.errors import Malformed
from pushserver.web.spool import Spool

HEADER = "Content-Digest"
#: The algorithms that are known, as Python calls them; others are passed over.
_ALGORITHMS: Mapping[str, str] = MappingProxyType(
    {"sha-256": "sha256", "sha-512": "sha512"}
)
#: Bytes in a header that has structure.
_BYTES = re.compile(":([A-Za-z0-9+/=]*):")


async def check_content_digest(request: web.Request, spool: Spool) -> None:
    """
    Compare the whole body, in *spool*, with the digests that were sent with it.

    Raises:
        Malformed: one differs, or is no digest.
    """
    expected = parse_content_digest(request.headers.getall(HEADER, ()))
    for name, digest in expected.items():
        computed = hashlib.new(_ALGORITHMS[name])
        await spool.feed(computed.update)
        if computed.digest() != digest:
            raise Malformed(f"The body has another {name} than {HEADER} says.")


def parse_content_digest(values: Iterable[str]) -> dict[str, bytes]:
    """
    Return the digests in the header's *values*, by those algorithms that are known.

    Raises:
        Malformed: one is no digest.
    """
    members = (member.partition("=") for member in ",".join(values).split(","))
    return {
        name.strip(): _decode(name.strip(), value)
        for name, _, value in members
        if name.strip() in _ALGORITHMS
    }


def _decode(name: str, value: str) -> bytes:
    """Return the bytes of a member's value, which colons enclose."""
    encoded = _BYTES.fullmatch(value.partition(";")[0].strip())
    try:
        if encoded is not None:
            return base64.b64decode(encoded[1], validate=True)
    except binascii.Error:
        pass
    raise Malformed(f"{HEADER} has no {name}: that is Base64 between colons.")
