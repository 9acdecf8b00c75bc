"""Log lines: written on a thread of their own, JSON off a terminal."""

import json
import logging
import os
import pty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog

from pushserver import log_writer
from pushserver.log_writer import MAX_QUEUED_LINES, LogWriter
from pushserver.logs import configure


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


@pytest.fixture(name="stream")
def _stream(tmp_path: Path) -> Iterator[TextIO]:
    """Return an open file."""
    with (tmp_path / "log").open("w") as stream:
        yield stream


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe, of which nobody reads."""
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


def text(stream: TextIO) -> str:
    """Return what was written."""
    return Path(stream.name).read_text()


def lines(stream: TextIO) -> list[dict[str, Any]]:
    """Return the lines that were written, read as JSON."""
    return [json.loads(line) for line in text(stream).splitlines()]


def read_lines(reader: int, is_last: Callable[[bytes], bool]) -> list[bytes]:
    """Read lines from a pipe up to one that is the last."""
    file = os.fdopen(os.dup(reader), "rb")
    found: list[bytes] = []
    with file:
        while not found or not is_last(found[-1]):
            found.append(file.readline().rstrip())
    return found


def test_order(stream: TextIO) -> None:
    """Lines are written in the order in which they came."""
    writer = LogWriter(stream.fileno())
    writer.info("one")
    writer.debug("two")
    writer.flush()
    writer.flush()

    assert "one\ntwo\n" == text(stream)


@pytest.mark.parametrize("more", [0, 1])
def test_nobody_waits(pipe: tuple[int, int], more: int) -> None:
    """While nobody reads, so many lines wait; one more is dropped and counted."""
    (reader, end), last = pipe, f"{MAX_QUEUED_LINES - 1}".encode()
    writer = LogWriter(end)
    # The thread is at work on this one, and blocked.
    writer.warning("x" * 200_000)
    assert b"x" * 60_000 == os.read(reader, 60_000)
    for number in range(MAX_QUEUED_LINES + more):
        writer.info(f"{number}")
    writer.warning("one too many")

    _, count, *kept = read_lines(reader, lambda line: line == last)
    assert [f"{n}".encode() for n in range(MAX_QUEUED_LINES)] == kept
    assert {"event": "log.dropped", "level": "warning", "lines": 1 + more} == {
        k: v for k, v in json.loads(count).items() if k != "timestamp"
    }


def test_flush_has_a_bound(pipe: tuple[int, int]) -> None:
    """A flush returns, though nobody reads."""
    writer = LogWriter(pipe[1])
    writer.info("x" * 100_000)

    writer.flush(0.01)

    assert b"x" * 100_000 + b"\n" == b"".join(
        line + b"\n" for line in read_lines(pipe[0], bool)
    )


def test_full_disk(monkeypatch: pytest.MonkeyPatch, stream: TextIO) -> None:
    """On a full disk lines are dropped and counted; the count is logged with room."""
    monkeypatch.setattr(log_writer, "_RETRY_DELAY", 0.001)
    with Path("/dev/full").open("w") as full:
        writer = LogWriter(full.fileno())
        for number in range(3):
            writer.info(f"{number}")
            writer.flush()
        os.dup2(stream.fileno(), full.fileno())
        writer.info("after")
        writer.flush()
        while "log.dropped" not in text(stream):
            writer.flush()

    found = text(stream).splitlines()
    assert "after" in found
    assert 3 == next(json.loads(line)["lines"] for line in found if line != "after")


def test_reader_is_gone(pipe: tuple[int, int], stream: TextIO) -> None:
    """A reader that ended is nobody's failure; a cut line stays one by itself."""
    reader, end = pipe
    writer = LogWriter(end)
    writer.info("x" * 100_000)
    assert b"x" == os.read(reader, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), reader)
    writer.flush()
    os.dup2(stream.fileno(), end)

    writer.info("after")
    writer.flush()

    first, *others = text(stream).splitlines()
    assert "" == first
    assert "after" in others


def test_what_cannot_be_written(stream: TextIO) -> None:
    """A value that cannot even be shown costs its line alone."""

    class Odd:
        def __str__(self) -> str:
            raise ZeroDivisionError

    writer = configure("info", stream)
    structlog.get_logger("x").info("bad", value=Odd())
    structlog.get_logger("x").info("good")
    writer.flush()

    assert {"good", "log.dropped"} == {line["event"] for line in lines(stream)}


@pytest.mark.parametrize("level", ["warning", "error", "exception", "critical"])
def test_warnings_at_once(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    """A warning is written at once, after what waits."""
    monkeypatch.setattr(log_writer, "FLUSH_DELAY", 3600)
    reader, end = os.pipe()
    writer = LogWriter(end)
    writer.info("before")

    getattr(writer, level)("alarm")

    assert [b"before", b"alarm"] == read_lines(reader, lambda line: line == b"alarm")


def test_json(stream: TextIO) -> None:
    """Off a terminal each line is a JSON object with time, level and event."""
    writer = configure("info", stream)
    log = structlog.get_logger("x")
    log.info("device.seen", device_id=2**63 - 1, name="João\n☃")
    log.debug("device.detail")
    writer.flush()

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert {
        "level": "info",
        "event": "device.seen",
        "device_id": 2**63 - 1,
        "name": "João\n☃",
    } == line


def test_anything(stream: TextIO) -> None:
    """What is no JSON is written as text, and breaks nothing."""
    writer = configure("info", stream)

    structlog.get_logger("x").warning("odd", path=os, half="\ud800", raw=b"\xff")
    writer.flush()

    (line,) = lines(stream)
    assert "odd" == line["event"]


def test_level(stream: TextIO) -> None:
    """What is below the level is not written."""
    writer = configure("error", stream)
    log = structlog.get_logger("x")
    log.warning("not this")
    log.error("this")
    writer.flush()

    assert ["this"] == [line["event"] for line in lines(stream)]


def test_exception(stream: TextIO) -> None:
    """An exception is written in the same line."""
    writer = configure("info", stream)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        structlog.get_logger("x").exception("background_task.failed")
    writer.flush()

    (line,) = lines(stream)
    assert ("background_task.failed", "error") == (line["event"], line["level"])
    assert "ZeroDivisionError" in line["exception"]


def test_terminal() -> None:
    """On a terminal lines are for people."""
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream, os.fdopen(screen) as seen:
        configure("info", stream)
        structlog.get_logger("x").warning("device.seen", device_id=5)
        line = seen.readline()

    assert "device.seen" in line
    assert not line.startswith("{")


def test_a_library_that_errs(stream: TextIO) -> None:
    """A message whose arguments do not fit is logged as it is."""
    writer = configure("info", stream)
    logging.getLogger("some.library").warning("%d left", "none")
    writer.flush()

    assert ["%d left"] == [line["message"] for line in lines(stream)]


def test_libraries(stream: TextIO) -> None:
    """Warnings of libraries go the same way; their other messages do not."""
    writer = configure("info", stream)
    library = logging.getLogger("some.library")
    library.info("chatter")
    library.warning("something %s", "odd")
    writer.flush()

    (line,) = lines(stream)
    assert ("library", "something odd", "warning") == (
        line["event"],
        line["message"],
        line["level"],
    )
