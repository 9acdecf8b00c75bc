"""Logs: structlog, one line for each event, as JSON unless on a terminal.

Lines are buffered for a moment and written together: a write for each would cost more
than a poll. Warnings and errors flush the buffer at once.
"""

import atexit
import json
import logging
import sys
import threading
import time
from typing import Any, TextIO

import msgspec
import structlog

from pushserver.clock import rfc3339

#: The buffer is written when it has this many lines.
MAX_BUFFERED_LINES = 200
#: Seconds that a line waits in the buffer at most.
FLUSH_DELAY = 0.2

_encode = msgspec.json.Encoder(enc_hook=str).encode


class BufferedLogger:
    """Writes lines to a stream, several at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._buffer: list[str] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def info(self, line: str) -> None:
        """Buffer *line*; it is written within `FLUSH_DELAY`."""
        with self._lock:
            self._buffer.append(line)
            if len(self._buffer) >= MAX_BUFFERED_LINES:
                self._write_buffer()
            elif self._timer is None:
                self._timer = threading.Timer(FLUSH_DELAY, self._on_timer)
                self._timer.daemon = True
                self._timer.start()

    debug = info

    def warning(self, line: str) -> None:
        """Write *line* now, with the buffered ones before it."""
        self.info(line)
        self.flush()

    error = exception = critical = warning

    def flush(self) -> None:
        """Write the buffered lines."""
        with self._lock:
            self._write_buffer()

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = None
            self._write_buffer()

    def _write_buffer(self) -> None:
        lines, self._buffer = self._buffer, []
        if lines:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()


def configure(level: str, stream: TextIO | None = None) -> BufferedLogger:
    """Send every log line to *stream*, standard error unless told otherwise."""
    target = stream or sys.stderr
    logger = BufferedLogger(target)
    atexit.register(logger.flush)
    structlog.configure(
        wrapper_class=_wrapper_class(level, pretty=target.isatty()),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, handlers=[_StdlibForwarder()], force=True
    )
    return logger


def _wrapper_class(level: str, *, pretty: bool) -> type[Any]:
    """Return the class of loggers: pretty ones for people, or JSON for programs."""
    filtering = structlog.make_filtering_bound_logger(level)
    return filtering if pretty else type("Lines", (_JsonLogger, filtering), {})


class _JsonLogger(structlog.BoundLoggerBase):
    """
    Renders a line as JSON in one step, without processors.

    Every command of every device logs lines, so this has to be fast.
    """

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *_args: Any, **fields: Any
    ) -> None:
        if "exc_info" in fields:
            structlog.processors.format_exc_info(None, method_name, fields)
        now = rfc3339(time.time_ns() // 1000)
        line = {"timestamp": now, "level": method_name, **self._context, **fields}
        line["event"] = event
        getattr(self._logger, method_name)(_json(line))


def _json(line: dict[str, Any]) -> str:
    try:
        return _encode(line).decode()
    except UnicodeEncodeError:
        return json.dumps(line, default=str)


class _StdlibForwarder(logging.Handler):
    """Forwards what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, "library", message=record.getMessage())
