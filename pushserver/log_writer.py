"""Writes log lines on a thread of its own, so that nobody waits for where they go.

The queue is bounded. A line that does not fit into it, or that cannot be written, is
dropped and counted, and the count is logged once there is room. No error reaches those
who log.
"""

import json
import os
import select
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pushserver.clock import utc_text, wall_nanoseconds
from pushserver.metrics.recorder import LogLines

#: What waits to be written: the fields of a JSON line, or text as it is.
Line = Mapping[str, Any] | str

#: The most lines that wait.
MAX_QUEUED_LINES = 10_000
#: Lines that are written together.
_BATCH_LINES = 200
#: Seconds that an ordinary line waits for others to be written with.
FLUSH_DELAY = 0.2
#: Seconds that a flush takes at most: the process ends then, whoever reads its log.
FLUSH_TIMEOUT = 2.0
#: Seconds between two attempts to log how many lines were dropped.
_RETRY_DELAY = 1.0

_encode = msgspec.json.Encoder(enc_hook=str).encode


class LogWriter:
    """Writes lines to an open file, several at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._queue: deque[Line | threading.Event] = deque()
        self._dropped = 0
        self.lines = LogLines(lambda: len(self._queue))
        self._dropped_lock = threading.Lock()
        self._is_line_cut = False
        self._wakeup, self._hurry = threading.Event(), threading.Event()
        # A write may block for ever, and the process has to end all the same.
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def info(self, line: Line) -> None:
        """Have *line* written within `FLUSH_DELAY`."""
        if len(self._queue) >= MAX_QUEUED_LINES:
            self._drop(1)
            return
        self._queue.append(line)
        if not self._wakeup.is_set():
            self._wakeup.set()

    debug = info

    def warning(self, line: Line) -> None:
        """Have *line* written at once, after those that wait."""
        self.info(line)
        self._hurry.set()

    error = exception = critical = warning

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> None:
        """Return when all that waits is written, or after *timeout* seconds."""
        written = threading.Event()
        self._queue.append(written)
        self._hurry.set()
        self._wakeup.set()
        written.wait(timeout)

    def _drop(self, count: int) -> None:
        with self._dropped_lock:
            self._dropped += count
            self.lines.dropped += max(count, 0)

    def _run(self) -> None:
        while True:
            self._wakeup.wait(_RETRY_DELAY if self._dropped else None)
            self._hurry.wait(FLUSH_DELAY)
            self._wakeup.clear()
            self._hurry.clear()
            while self._queue:
                count = min(len(self._queue), _BATCH_LINES)
                self._write_batch([self._queue.popleft() for _ in range(count)])
            self._report_dropped()

    def _write_batch(self, batch: Sequence[Line | threading.Event]) -> None:
        lines = [each for each in batch if not isinstance(each, threading.Event)]
        rendered = [text for text in map(_render, lines) if text is not None]
        written = self._write(rendered)
        self._drop(len(lines) - written)
        if written:
            self._report_dropped()
        for each in batch:
            if isinstance(each, threading.Event):
                each.set()

    def _report_dropped(self) -> None:
        dropped = self._dropped
        if not dropped:
            return
        now = utc_text(wall_nanoseconds() // 1000)
        line = {"timestamp": now, "level": "warning", "event": "log.dropped"}
        if self._write([_encode(line | {"lines": dropped})]):
            self._drop(-dropped)

    def _write(self, lines: Sequence[bytes]) -> int:
        """Write *lines*; return how many of them were written to their end."""
        if not lines:
            return 0
        # What comes after a line that was cut off stands on a line of its own.
        start = b"\n" if self._is_line_cut else b""
        data = b"".join((start, *(line + b"\n" for line in lines)))
        size = self._write_bytes(data)
        if not size:
            return 0
        self._is_line_cut = data[size - 1 : size] != b"\n"
        return data.count(b"\n", 0, size) - len(start)

    def _write_bytes(self, data: bytes) -> int:
        """Write *data*, or as much of it as can be written; return how much."""
        size, view = 0, memoryview(data)
        while size < len(data):
            try:
                size += os.write(self._fd, view[size:])
            except BlockingIOError:
                # Somebody else who has the file open set it to non-blocking.
                select.select((), (self._fd,), (), _RETRY_DELAY)
            except OSError:
                # A full disk, or nobody who reads: there is nowhere to say so.
                break
        return size


def _render(line: Line) -> bytes | None:
    """Return what is written of *line*; None: it cannot be written."""
    if isinstance(line, str):
        return line.encode(errors="replace")
    try:
        return _encode(line)
    except UnicodeEncodeError:
        return json.dumps(line, default=str).encode()
    except Exception:  # noqa: BLE001 - it is counted as dropped, and the thread lives
        return None
