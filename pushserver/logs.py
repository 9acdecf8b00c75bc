"""Logs: structlog, one line for each event, as JSON unless on a terminal."""

import faulthandler
import logging
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import structlog

from pushserver.clock import utc_text, wall_nanoseconds
from pushserver.log_writer import LogWriter


def configure(level: str, stream: TextIO | None = None) -> LogWriter:
    """Send every log line to *stream*, standard error unless told otherwise."""
    target = stream or sys.stderr
    writer = LogWriter(target.fileno())
    structlog.configure(
        wrapper_class=_wrapper_class(level, pretty=target.isatty()),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, handlers=[_StdlibForwarder()], force=True
    )
    return writer


def report_crashes(stream: TextIO) -> None:
    """
    Have the interpreter say on *stream* where it crashed, before the process ends.

    It does, for one, when the index of SQLite's log is cut off, which it has mapped.
    """
    with suppress(OSError):
        faulthandler.enable(_open_without_waiting(stream.fileno()), all_threads=False)


def _open_without_waiting(fd: int) -> int:
    """Return what writes to the same file, even if nobody reads from it."""
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK
        return os.open(f"/proc/self/fd/{fd}", flags)
    except OSError:
        # It is a socket, such as the journal's, or this is not Linux.
        return fd


def _wrapper_class(level: str, *, pretty: bool) -> type[Any]:
    """Return the class of loggers: pretty ones for people, or JSON for programs."""
    filtering = structlog.make_filtering_bound_logger(level)
    if pretty:
        return filtering
    # Filtering takes its own two calls for each line; of most, it is known before.
    is_info_on = structlog.processors.NAME_TO_LEVEL[level.lower()] <= logging.INFO
    methods = {"info": _JsonLogger.write_info} if is_info_on else {}
    return type("Lines", (_JsonLogger, filtering), methods)


class _JsonLogger(structlog.BoundLoggerBase):
    """
    Collects the fields of a line, without processors; the writer renders it.

    Every command of every device logs lines, so this has to be fast.
    """

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *_args: Any, **fields: Any
    ) -> None:
        if "exc_info" in fields:
            structlog.processors.format_exc_info(None, method_name, fields)
        now = utc_text(wall_nanoseconds() // 1000)
        line = {"timestamp": now, "level": method_name, **self._context, **fields}
        line["event"] = event
        getattr(self._logger, method_name)(line)

    def write_info(self, event: str | None = None, **fields: Any) -> None:
        """Write what `info` does, in one call."""
        now = utc_text(wall_nanoseconds() // 1000)
        line = {"timestamp": now, "level": "info", **self._context, **fields}
        line["event"] = event
        self._logger.info(line)


class _StdlibForwarder(logging.Handler):
    """Forwards what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # Arguments that do not fit the message are no business of its caller.
            message = str(record.msg)
        structlog.get_logger(record.name).log(
            record.levelno, "library", message=message
        )
