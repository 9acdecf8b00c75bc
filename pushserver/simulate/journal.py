"""Records what each device did: in memory for tests, or as NDJSON; and counts."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, Self, TextIO

import attrs
import msgspec

from pushserver.clock import Clock, SystemClock, rfc3339
from pushserver.simulate.messages import DeviceError, ReceivedCommand


def sha256_hex(value: Any) -> str:
    """Return the SHA-256 of bytes as they are, and of anything else as sorted JSON."""
    if not isinstance(value, bytes):
        value = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(value).hexdigest()


@attrs.frozen(kw_only=True)
class JournalEntry:
    """
    One thing that a device did with a command.

    It has digests of the bodies in place of the bodies, which may be personal data.
    """

    event: str
    device_id: int
    at: int
    endpoint: str
    uuid: str | None
    query_string: str
    body_digest: str
    payload_digest: str | None = None
    status: int | None = None

    def to_json_line(self) -> bytes:
        """Return this as a line of NDJSON."""
        fields = {
            "event": self.event,
            "deviceId": str(self.device_id),
            "at": rfc3339(self.at),
            "endpoint": self.endpoint,
            "uuid": self.uuid,
            "queryString": self.query_string or None,
            "bodyDigest": self.body_digest,
            "answerDigest": self.payload_digest,
            "status": self.status,
        }
        return msgspec.json.encode({k: v for k, v in fields.items() if v is not None})


@attrs.define(kw_only=True, eq=False)
class Journal:
    """Entries in their order, and how often each event happened."""

    clock: Clock = attrs.field(factory=SystemClock)
    keep_entries: bool = True
    entries: list[JournalEntry] = attrs.field(factory=list)
    counts: Counter[str] = attrs.field(factory=Counter)
    _file: TextIO | None = None

    @classmethod
    def open_file(cls, path: Path) -> Self:
        """Return a journal that writes to *path* and keeps nothing in memory."""
        return cls(
            keep_entries=False, file=path.open("w", buffering=1, encoding="utf-8")
        )

    def count_event(self, event: str) -> None:
        """Count one more *event*."""
        self.counts[event] += 1

    def record(
        self,
        event: str,
        device_id: int,
        command: ReceivedCommand,
        *,
        payload: Any = None,
        status: int | None = None,
    ) -> None:
        """Count *event* and record its command."""
        self.count_event(event)
        if not self.keep_entries and self._file is None:
            return
        entry = JournalEntry(
            event=event,
            device_id=device_id,
            at=self.clock.now(),
            endpoint=command.endpoint,
            uuid=command.uuid,
            query_string=command.query_string,
            body_digest=_body_digest(command),
            payload_digest=None if payload is None else sha256_hex(payload),
            status=status,
        )
        if self.keep_entries:
            self.entries.append(entry)
        if self._file:
            self._file.write(entry.to_json_line().decode() + "\n")

    def entries_of(self, device_id: int, event: str = "executed") -> list[JournalEntry]:
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


def _body_digest(command: ReceivedCommand) -> str:
    """Return the digest of the command's body; of its bytes, if it is binary."""
    if command.is_binary:
        try:
            return sha256_hex(command.decode_bytes())
        except DeviceError:
            return sha256_hex(command.body)
    return sha256_hex(command.body)
