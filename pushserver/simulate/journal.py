"""What each device did: kept for tests, written as NDJSON for people, and counted."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, Self, TextIO

import attrs
import msgspec

from pushserver.clock import Clock, SystemClock, rfc3339
from pushserver.simulate.order import Order, Refused


def digest(value: Any) -> str:
    """Return the SHA-256 of bytes as they are, and of anything else as sorted JSON."""
    if not isinstance(value, bytes):
        value = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(value).hexdigest()


@attrs.frozen(kw_only=True)
class Entry:
    """
    One thing that a device did with a command.

    `body` and `answer` are digests: what devices hold is nobody's business.
    """

    event: str
    device_id: int
    at: int
    endpoint: str
    uuid: str | None
    query_string: str
    body: str
    answer: str | None = None
    status: int | None = None

    def line(self) -> bytes:
        """Return this as a line of NDJSON."""
        fields = {
            "event": self.event,
            "deviceId": str(self.device_id),
            "at": rfc3339(self.at),
            "endpoint": self.endpoint,
            "uuid": self.uuid,
            "queryString": self.query_string or None,
            "bodyDigest": self.body,
            "answerDigest": self.answer,
            "status": self.status,
        }
        return msgspec.json.encode({k: v for k, v in fields.items() if v is not None})


@attrs.define(kw_only=True, eq=False)
class Journal:
    """Entries in the order they came, and how often everything happened."""

    clock: Clock = attrs.field(factory=SystemClock)
    keep: bool = True
    entries: list[Entry] = attrs.field(factory=list)
    counts: Counter[str] = attrs.field(factory=Counter)
    _file: TextIO | None = None

    @classmethod
    def written(cls, path: Path) -> Self:
        """Return a journal that is written to *path* and not kept in memory."""
        return cls(keep=False, file=path.open("w", buffering=1, encoding="utf-8"))

    def count(self, event: str) -> None:
        """Note that something happened once more."""
        self.counts[event] += 1

    def enter(
        self,
        event: str,
        device_id: int,
        order: Order,
        *,
        said: Any = None,
        status: int | None = None,
    ) -> None:
        """Count *event* and write down which command it is about."""
        self.count(event)
        if not self.keep and self._file is None:
            return
        entry = Entry(
            event=event,
            device_id=device_id,
            at=self.clock.now(),
            endpoint=order.endpoint,
            uuid=order.uuid,
            query_string=order.query_string,
            body=_body_digest(order),
            answer=None if said is None else digest(said),
            status=status,
        )
        if self.keep:
            self.entries.append(entry)
        if self._file:
            self._file.write(entry.line().decode() + "\n")

    def of(self, device_id: int, event: str = "executed") -> list[Entry]:
        """Return the entries of one device for one event."""
        return [
            entry
            for entry in self.entries
            if entry.device_id == device_id and entry.event == event
        ]

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()


def _body_digest(order: Order) -> str:
    """Return the digest of what was ordered; of the bytes, where the body is bytes."""
    if order.is_octets:
        try:
            return digest(order.content())
        except Refused:
            return digest(order.body)
    return digest(order.body)
