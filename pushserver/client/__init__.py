"""The admin API's client, used by the command line and the tests.

Calls return plain dictionaries, as they are on the wire. Failures raise a
`ClientError`: `ApiError` if the server refused, `Unreachable` if it did not answer.
"""

from pushserver.client.calls import CSV, NDJSON, Client, RequestPreferences
from pushserver.client.event_stream import EventStream, StreamMessage
from pushserver.client.pages import MAX_PAGE_SIZE, iter_items
from pushserver.client.transport import (
    ApiError,
    ApiResponse,
    ClientError,
    Json,
    QueryParams,
    Unreachable,
)

__all__ = [
    "CSV",
    "MAX_PAGE_SIZE",
    "NDJSON",
    "ApiError",
    "ApiResponse",
    "Client",
    "ClientError",
    "EventStream",
    "Json",
    "QueryParams",
    "RequestPreferences",
    "StreamMessage",
    "Unreachable",
    "iter_items",
]
