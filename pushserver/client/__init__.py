"""The admin API's client, used by the command line and the tests.

Answers come back as plain dictionaries, as they are on the wire. What goes wrong is a
`ClientError`: `ApiError` when the server refused, `Unreachable` when it did not answer.
"""

from pushserver.client.calls import CSV, NDJSON, Client, Enqueue
from pushserver.client.pages import PAGE, every
from pushserver.client.stream import Message, Stream
from pushserver.client.wire import (
    Answer,
    ApiError,
    ClientError,
    Json,
    Params,
    Unreachable,
)

__all__ = [
    "CSV",
    "NDJSON",
    "PAGE",
    "Answer",
    "ApiError",
    "Client",
    "ClientError",
    "Enqueue",
    "Json",
    "Message",
    "Params",
    "Stream",
    "Unreachable",
    "every",
]
