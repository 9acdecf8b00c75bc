"""docs/security.md says what the program does: sizes, times, permissions."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from aiohttp.web_protocol import RequestHandler

from pushserver.clock import SECOND
from pushserver.model.idempotency import KEY_TTL_SECONDS
from pushserver.model.parsed_result import MAX_SEARCHED
from pushserver.model.token import Permission
from pushserver.model.unknown_request import UNKNOWN_REQUEST_RETENTION
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE
from pushserver.protocols.controlid.result import MAX_PAIRS
from pushserver.services.off_loop import (
    CHILD_CPU_SECONDS,
    CHILD_TIMEOUT,
    MAX_IN_THREAD,
    MAX_INLINE,
)
from pushserver.services.off_loop_child import MAX_MEMORY
from pushserver.services.outbox_trimmer import DEAD_LETTER_RETENTION, EVENT_RETENTION
from pushserver.services.wrong_tokens import MAX_WAITING, MAX_WAITING_IN_ALL
from pushserver.settings import Settings
from pushserver.web.api.command_requests import MAX_COMMANDS
from pushserver.web.api.device_csv import MAX_LINE, MAX_RECORD_LINES
from pushserver.web.api.shadow import MAX_PATCH
from pushserver.web.body import BODY_IDLE_TIMEOUT, MAX_BODY_SIZE, MAX_SMALL_BODY
from pushserver.web.body_budget import FREE_BYTES
from pushserver.web.connection import MAX_BEGINNING
from pushserver.web.draining import WRITE_IDLE_TIMEOUT
from pushserver.web.kapua.list_query import MAX_QUERY
from pushserver.web.server import HEADER_TIMEOUT, KEEPALIVE_TIMEOUT
from pushserver.web.spool import MAX_IN_MEMORY

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text("utf-8")
#: What aiohttp's parser takes unless it is told otherwise, and it is not.
PARSER = inspect.signature(RequestHandler.__init__).parameters
DEFAULTS = Settings()
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def _section(heading: str) -> str:
    """Return the part of the page under *heading*, of whatever level."""
    text = re.split(rf"^#+ {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[1]
    return re.split(r"^#+ ", text, maxsplit=1, flags=re.MULTILINE)[0]


def _rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table under *heading*, without links."""
    lines = re.findall(r"^\| (.+) \|$", _section(heading), re.MULTILINE)
    for line in lines[1:]:
        yield _LINK.sub(r"\1", line).split(" | ")


def _kib(size: int) -> str:
    return f"{size // 1024} KiB"


def _mib(size: int) -> str:
    return f"{size // 1024 // 1024} MiB"


def test_sizes_and_times() -> None:
    """
    The table of sizes and times has what the program holds.
    """
    whole = _mib(MAX_BODY_SIZE)
    expected = {
        "a result that a device posts": whole,
        "commands in one call": f"{MAX_COMMANDS}",
        "the body of a call with commands, steps, devices or bytes": whole,
        "the body of any other call": _mib(MAX_SMALL_BODY),
        "the body of whoever is not let in: an unknown device or path, a wrong key or"
        " token": f"{_kib(MAX_BEGINNING)} are read, for {BODY_IDLE_TIMEOUT:g} s in all",
        f"bodies over {_kib(FREE_BYTES)} that are under way, both ways": (
            f"`BODIES`, {DEFAULTS.bodies} MiB"
        ),
        "of them in memory: pieces, and one whole result or page at a time": (
            f"{whole}, twice that while a result is read that has JSON in a string"
        ),
        "open connections": "`CONNECTIONS`, what the open files allow",
        "open connections from one address": "`CONNECTIONS_PER_ADDRESS`, off",
        "answers begun on one connection": "1, until it is taken",
        "time for a request's headers, in all": f"{HEADER_TIMEOUT:g} s",
        "time without a byte while a body is sent": f"{BODY_IDLE_TIMEOUT:g} s",
        "time without a byte while an answer is taken: a command, a list, a result, a"
        " stream": f"{WRITE_IDLE_TIMEOUT:g} s",
        "idle connections": f"{KEEPALIVE_TIMEOUT:g} s",
        "a line of an import": (
            f"{_kib(MAX_LINE)}, and {MAX_RECORD_LINES} lines in a record of CSV"
        ),
        "a patch of a shadow": _kib(MAX_PATCH),
        "a login of Kapua's face": _kib(MAX_BEGINNING),
        "a query of Kapua's face": _kib(MAX_QUERY),
        "a header, or the address, of a request": (
            f"{PARSER['max_field_size'].default} bytes"
        ),
        "headers of a request": f"{PARSER['max_headers'].default}",
        "fields of a form that a device posts": f"{MAX_PAIRS}",
        "a response in which a refusal, a property or a version is looked for": _kib(
            MAX_SEARCHED
        ),
    }

    assert expected == dict(_rows("Sizes and times"))
    assert (0, 0) == (DEFAULTS.connections, DEFAULTS.connections_per_address)


def test_how_long_it_is_kept() -> None:
    """
    What is deleted by itself is kept as long as the table says.
    """
    day = 86_400 * SECOND
    kept = dict(_rows("How long it is kept"))

    assert [
        f"`BODY_RETENTION`: {DEFAULTS.body_retention:g} days, unless it is set",
        f"`RETENTION`: {DEFAULTS.retention:g} days, unless it is set",
        f"`AUDIT_RETENTION`: {DEFAULTS.audit_retention:g} days, unless it is set",
        f"{EVENT_RETENTION // day} days",
        f"{DEAD_LETTER_RETENTION // day} days",
        f"{UNKNOWN_REQUEST_RETENTION // day} days",
        f"{KEY_TTL_SECONDS // 3600} hours",
    ] == list(kept.values())[:7]


def test_every_permission_is_explained() -> None:
    """
    The table has each permission once.
    """
    explained = [row[0].strip("`") for row in _rows("Tokens")]

    assert sorted(Permission) == sorted(explained)


def test_numbers_in_sentences() -> None:
    """
    What sentences say of work and of bodies is what the program does.
    """
    text = " ".join(PAGE.split())
    sentences = (
        f"Results of up to {_kib(MAX_INLINE)} are read at once",
        f"those over {_kib(MAX_IN_THREAD)} in a process of their own",
        f"with {CHILD_CPU_SECONDS} seconds of processor time"
        f" and {MAX_MEMORY // 2**30} GiB of memory",
        f"that time within {CHILD_TIMEOUT:g} seconds",
        f"ends at most {MAX_ENDED_AT_ONCE} waiting commands",
        f"A body over {_mib(MAX_IN_MEMORY)} is in a private file",
        f"or {MAX_WAITING_IN_ALL} of all, more are 429",
    )

    assert 10 == MAX_WAITING
    assert [] == [each for each in sentences if each not in text]
