"""Renders the answer to a poll: one command as a JSON object.

Format: Control iD, "Introduction to Push": verb, endpoint, body, contentType and
queryString. The page's table calls `body` a string, but its example and every device
use a JSON object for JSON, and one base64 string for octet-stream.
"""

import msgspec

from pushserver.model.order import Order

_quote = msgspec.json.Encoder().encode


def poll_response(order: Order) -> bytes:
    """Return the body that hands *order* to its device."""
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
