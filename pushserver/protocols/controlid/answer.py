"""Renders the answer to a poll: one command as a JSON object.

Format: Control iD, "Introduction to Push": verb, endpoint, body, contentType and
queryString. The page's table calls `body` a string, but its example and every device
use a JSON object for JSON, and one base64 string for octet-stream.
"""

from collections.abc import Sequence

import msgspec

from pushserver.protocols.base import HandedOut

_quote = msgspec.json.Encoder().encode


def render(handed_out: Sequence[HandedOut]) -> bytes:
    """Return the body that hands the one command to its device."""
    order = handed_out[0].order
    parts = [
        b'{"verb":',
        _quote(order.verb),
        b',"endpoint":',
        _quote(order.endpoint),
    ]
    if order.body is not None:
        parts += b',"body":', order.body.encode()
    parts += b',"contentType":', _quote(order.content_type)
    if order.query_string is not None:
        parts += b',"queryString":', _quote(order.query_string)
    parts.append(b"}")
    return b"".join(parts)
