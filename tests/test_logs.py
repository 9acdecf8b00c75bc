"""Log lines: gathered, one for each thing, JSON off a terminal."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pushserver import logs
from pushserver.logs import MAX_BUFFERED_LINES, BufferedLogger, configure


class TtyStream(io.StringIO):
    """A stream that says that somebody is looking."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Put logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines that were written, read as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_gathers() -> None:
    """Ordinary lines wait for a moment and are written together."""
    stream = io.StringIO()
    logger = BufferedLogger(stream)
    logger.info("one")
    logger.debug("two")
    assert "" == stream.getvalue()

    logger.flush()
    logger.flush()

    assert "one\ntwo\n" == stream.getvalue()


def test_gathers_no_more_than() -> None:
    """So many lines are written without waiting."""
    stream = io.StringIO()
    logger = BufferedLogger(stream)
    for number in range(MAX_BUFFERED_LINES + 1):
        logger.info(str(number))

    assert MAX_BUFFERED_LINES == len(stream.getvalue().splitlines())
    logger.flush()


def test_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is written in the end, though nothing follows it."""
    monkeypatch.setattr(logs, "FLUSH_DELAY", 0.001)
    stream = io.StringIO()
    logger = BufferedLogger(stream)
    logger.info("alone")
    timer = logger._timer
    assert timer is not None

    timer.join(5)

    assert "alone\n" == stream.getvalue()


@pytest.mark.parametrize("level", ["warning", "error", "exception", "critical"])
def test_warnings_at_once(level: str) -> None:
    """A warning is written at once, after what waits."""
    stream = io.StringIO()
    logger = BufferedLogger(stream)
    logger.info("before")

    getattr(logger, level)("alarm")

    assert "before\nalarm\n" == stream.getvalue()


def test_json() -> None:
    """Off a terminal each line is a JSON object with time, level and event."""
    stream = io.StringIO()
    logger = configure("info", stream)
    log = structlog.get_logger("x")
    log.info("device.seen", device_id=2**63 - 1, name="João\n☃")
    log.debug("device.detail")
    logger.flush()

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert {
        "level": "info",
        "event": "device.seen",
        "device_id": 2**63 - 1,
        "name": "João\n☃",
    } == line


def test_anything() -> None:
    """What is no JSON is written as text, and breaks nothing."""
    stream = io.StringIO()
    configure("info", stream)

    structlog.get_logger("x").warning("odd", path=io, half="\ud800", raw=b"\xff")

    (line,) = lines(stream)
    assert "odd" == line["event"]


def test_level() -> None:
    """What is below the level is not written."""
    stream = io.StringIO()
    configure("error", stream)
    log = structlog.get_logger("x")
    log.warning("not this")
    log.error("this")

    assert ["this"] == [line["event"] for line in lines(stream)]


def test_exception() -> None:
    """An exception is written in the same line."""
    stream = io.StringIO()
    configure("info", stream)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        structlog.get_logger("x").exception("background_task.failed")

    (line,) = lines(stream)
    assert ("background_task.failed", "error") == (line["event"], line["level"])
    assert "ZeroDivisionError" in line["exception"]


def test_terminal() -> None:
    """On a terminal lines are for people."""
    stream = TtyStream()
    configure("info", stream)
    structlog.get_logger("x").warning("device.seen", device_id=5)

    assert "device.seen" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_libraries() -> None:
    """Warnings of libraries go the same way; their other messages do not."""
    stream = io.StringIO()
    configure("info", stream)
    library = logging.getLogger("some.library")
    library.info("chatter")
    library.warning("something %s", "odd")

    (line,) = lines(stream)
    assert ("library", "something odd", "warning") == (
        line["event"],
        line["message"],
        line["level"],
    )
