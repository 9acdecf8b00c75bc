"""What devices answer, as they write it, and what they mean by it."""

import enum
import gzip
from collections.abc import Sequence
from random import Random

import attrs


class Said(enum.Enum):
    """What a device says of its order."""

    YES = "yes"
    NO = "no"
    #: Nobody can tell, so it may not count as a success.
    UNKNOWN = "unknown"


@attrs.frozen
class Answer:
    """A body; one with `endpoint` means this of that endpoint's orders alone."""

    body: bytes
    said: Said
    endpoint: str | None = None
    encoding: str | None = None


_YES = (
    b"",
    b'{"response":{}}',
    b'{"response":{"users":[{"id":1}]}}',
    b'{"response":"{\\"users\\":[]}"}',
    b'{"response":"ok"}',
    b'{"response":{},"error":""}',
    b'{"changes":1}',
    b"response=%7B%7D",
    b'response={"users":[]}&code=0',
    b'{"transactions_results":[{"transactionid":1,"success":true,"response":"{}"}]}',
    b'{"response":{}}\0',
    b'\xef\xbb\xbf{"response":{}}',
    b'{"response":{"name":"Jo\xc3\xa3o Gon\xc3"}}',
    b'{"response":{"name":"Ada\n\tLovelace"}}',
    b'{"response":{"users":[1,2,],},}',
    b'{"response":{"actions":[{"action":"door","status":"allowed"}]}}',
)
_NO = (
    b'{"error":"x","code":1}',
    b'{"error":"x","code":1}\0',
    b'{"error":"x\ny","code":1}',
    b'{"error":"x\ty"}',
    b'{"error":"x","code":1} and more',
    b'{"error":"x","code":1,}',
    b'\xef\xbb\xbf{"error":"x"}',
    b'{"error":"Gon\xc3 \xe7"}',
    b'{"error":"\\ud800"}',
    b'{"error":"C:\\users"}',
    b'{"error":{"message":"x"}}',
    b'{"response":{},"error":"x"}',
    b'{"response":{"error":"x","code":1}}',
    b'{"response":"{\\"error\\":\\"x\\"}"}',
    b'[{"error":"x"}]',
    b"error=no&code=2",
    b"error=Jo\xe3o+falhou",
    b'{"transactions_results":[{"transactionid":1,"success":false,"response":"{}"}]}',
)
_UNKNOWN = (
    gzip.compress(b'{"error":"x"}', mtime=0),
    gzip.compress(b'{"response":{}}', mtime=0),
    b'{"error":"x',
    b'{"response":{"users":[{"id":1}',
    b'{"response":"{\\"error\\":\\"x"}',
    b'{"response":{}} error: it failed',
    b"internal failure",
    b"<html>500</html>",
    b"\0\1\xff\xfe",
)
_REFUSALS = {
    "execute_actions": (
        b'{"response":{"actions":[{"action":"door","status":"denied"}]}}',
        b'{"response":"{\\"actions\\":[{\\"status\\":\\"denied\\"}]}"}',
    ),
    "user_set_image": (
        b'{"response":{"success":false,"errors":[{"code":3,"message":"small"}]}}',
        b'{"response":{"user_id":7,"errors":[{"code":3,"message":"small"}]}}',
    ),
}

ANSWERS: Sequence[Answer] = (
    *(Answer(body, Said.YES) for body in _YES),
    *(Answer(body, Said.NO) for body in _NO),
    *(Answer(body, Said.UNKNOWN) for body in _UNKNOWN),
    Answer(b'{"response":{}}', Said.UNKNOWN, encoding="gzip"),
    *(
        Answer(body, Said.NO, endpoint)
        for endpoint, bodies in _REFUSALS.items()
        for body in bodies
    ),
)


def answers_to(endpoint: str) -> Sequence[Answer]:
    """Return what a device may answer to an order of *endpoint*."""
    return [each for each in ANSWERS if each.endpoint in (None, endpoint)]


def interrupted_post(query: str, random: Random) -> bytes:
    """Return a post without its end, perhaps broken off where it can be read."""
    body = random.choice([each for each in _YES if each])
    size = random.choice((len(body), random.randint(1, len(body))))
    head = f"POST /result?{query} HTTP/1.1\r\nHost: x\r\n"
    length = f"Content-Length: {len(body) + 50}\r\n\r\n"
    return (head + length).encode() + body[:size]
