"""docs/security.md says what the program does: sizes, times, permissions."""

import inspect
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

from aiohttp.web_protocol import RequestHandler

from pushserver.clock import SECOND
from pushserver.model.blob import MAX_INLINE_BODIES, MAX_INLINE_BODY
from pushserver.model.device import (
    CONFLICT_END,
    CONFLICT_EVENT_INTERVAL,
    CONFLICT_WINDOW,
    INCUMBENT_SILENCE,
    QUARANTINE_IDLE_SECONDS,
)
from pushserver.model.idempotency import KEY_TTL_SECONDS
from pushserver.model.labels import MAX_LABEL_SIZE
from pushserver.model.merge_patch import (
    MAX_PROPERTIES,
    MAX_SERVICES,
    MAX_SHADOW_BYTES,
)
from pushserver.model.operation import MAX_STEPS
from pushserver.model.parsed_result import MAX_SEARCHED
from pushserver.model.secret import new_device_key
from pushserver.model.session import (
    MAX_SESSIONS,
    REFRESH_LIFETIME,
    SESSION_LIFETIME,
)
from pushserver.model.token import Permission, new_token_secret
from pushserver.model.unknown_request import (
    MAX_UNKNOWN_REQUEST_BYTES,
    MAX_UNKNOWN_REQUESTS,
    UNKNOWN_REQUEST_RETENTION,
)
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE
from pushserver.protocols.controlid.result import MAX_PAIRS
from pushserver.services import device_import, event_feed, shadow_tasks, shadows
from pushserver.services.cluster_sync import MAX_TOKEN_AGE
from pushserver.services.console_sessions import CONSOLE_LIFETIME
from pushserver.services.device_write_behind import MAX_REQUEST_BYTES
from pushserver.services.off_loop import (
    CHILD_CPU_SECONDS,
    CHILD_TIMEOUT,
    MAX_IN_THREAD,
    MAX_INLINE,
)
from pushserver.services.off_loop_child import MAX_MEMORY
from pushserver.services.outbox_trimmer import DEAD_LETTER_RETENTION, EVENT_RETENTION
from pushserver.services.shadow_tasks import MAX_AT_ONCE, MAX_BYTES_AT_ONCE
from pushserver.services.wrong_tokens import (
    DELAY,
    FREE_TRIES,
    MAX_WAITING,
    MAX_WAITING_IN_ALL,
)
from pushserver.settings import Settings
from pushserver.storage.sql.round_budget import MAX_JOBS, MAX_SECONDS
from pushserver.storage.sql.shadows import MAX_READ
from pushserver.storage.subscription_rows import SHORT_DATA
from pushserver.web import head_budget, request_starts, transfers
from pushserver.web.api.command_requests import MAX_COMMANDS
from pushserver.web.api.device_csv import MAX_LINE, MAX_RECORD_LINES
from pushserver.web.api.device_import import MAX_DEVICES, MAX_FILE
from pushserver.web.api.event_piece import PIECE_SIZE
from pushserver.web.api.events import BATCH_SIZE
from pushserver.web.api.shadow import MAX_PATCH
from pushserver.web.api.subscription_types import MAX_DEVICE_IDS
from pushserver.web.api.types import MAX_ITEMS
from pushserver.web.arriving_bodies import ARRIVING_ROOM, ROOM_OF_ONLY_ONES
from pushserver.web.body import (
    BODY_IDLE_TIMEOUT,
    BODY_TIMEOUT,
    LEAST_PACE,
    MAX_BODY_SIZE,
    MAX_SMALL_BODY,
)
from pushserver.web.body_budget import MAX_DECODED, MAX_PIECES, MAX_UNCOUNTED
from pushserver.web.connection import MAX_BEGINNING
from pushserver.web.console import form_body, send
from pushserver.web.draining import WRITE_IDLE_TIMEOUT
from pushserver.web.head_bounds import MAX_HEAD, MAX_PARSED_AHEAD
from pushserver.web.kapua.list_query import MAX_QUERY
from pushserver.web.server import HEADER_TIMEOUT, KEEPALIVE_TIMEOUT, READ_SIZE
from pushserver.web.spool import FREE_BYTES, MAX_IN_MEMORY
from pushserver.web.stranger_bounds import REQUEST_BYTES, UNSTARTED_BYTES
from pushserver.workers.webhooks.body_room import (
    LONG_ROOM,
    PART_OF_ONE,
    PART_OF_SLOW,
    SHORT_BODY,
    SHORT_ROOM,
    SLOW,
)
from pushserver.workers.webhooks.bounded_response import MAX_ANSWER
from pushserver.workers.webhooks.sender import REQUEST_TIMEOUT
from pushserver.workers.webhooks.worker import MAX_IN_FLIGHT
from tests.e2e.test_memory import BOUND
from tests.e2e.test_memory_of_heads import OF_EACH

PAGE_FOLDER = Path(__file__).parents[2] / "docs"
PAGE = (PAGE_FOLDER / "security.md").read_text("utf-8")
#: What aiohttp's parser takes unless it is told otherwise, and it is not.
PARSER = inspect.signature(RequestHandler.__init__).parameters
DEFAULTS = Settings()
MINUTE = 60 * SECOND
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
        "an import of devices": f"{MAX_DEVICES:,} devices, {_mib(MAX_FILE)}",
        "the body of any other call": _mib(MAX_SMALL_BODY),
        "the body of whoever is not let in: an unknown device or path, a wrong key or"
        " token": f"{_kib(MAX_BEGINNING)} are read, for {BODY_IDLE_TIMEOUT:g} s in all",
        f"bodies that still arrive, of those who were let in, {_kib(FREE_BYTES)} of"
        f" each and {_kib(REQUEST_BYTES)} of its request": (
            f"{_mib(ARRIVING_ROOM)}; {_mib(ROOM_OF_ONLY_ONES)} while nobody has two"
        ),
        f"bodies over {_kib(FREE_BYTES)} that are under way, both ways": (
            f"`BODIES`, {DEFAULTS.bodies} MiB"
        ),
        "of them in memory while they are on their way: pieces": (
            f"{_mib(MAX_PIECES)}, and what the connections have just received"
        ),
        f"of those over {_mib(MAX_IN_MEMORY)} in memory whole: one result or page at a"
        " time": (
            f"{whole}, twice that while a result is read that has JSON in a string"
        ),
        "of a stream of events in memory, besides the events that it shares with the"
        " others": (
            f"a piece of {_kib(PIECE_SIZE)}, or one event up to {_kib(FREE_BYTES)};"
            " longer ones are bodies under way"
        ),
        "events and their bodies that streams share": (
            f"{event_feed.MAX_BATCHES} times {_kib(BATCH_SIZE * SHORT_DATA)},"
            f" and {_mib(event_feed.KEPT_BODIES)}"
        ),
        "open connections": "`CONNECTIONS`, what the open files allow",
        "open connections from one address": "`CONNECTIONS_PER_ADDRESS`, off",
        "answers begun on one connection": "1, until it is taken",
        "requests that wait for their start": (
            f"{request_starts.MAX_WAITING}; what comes then starts at once"
        ),
        "what is read behind a held poll, or a call that waits; with more it is"
        " answered at once, as its sender may have left": (
            f"{MAX_PARSED_AHEAD} requests, {_kib(2 * READ_SIZE)} of a body"
        ),
        "time for a request's headers, in all": f"{HEADER_TIMEOUT:g} s",
        "time without a byte while a body is sent": f"{BODY_IDLE_TIMEOUT:g} s",
        "time for a body, in all": (
            f"{BODY_TIMEOUT:g} s, and a second for each {LEAST_PACE} bytes that came"
        ),
        "time without a byte while an answer is taken: a command, a list, a result, a"
        " stream": f"{WRITE_IDLE_TIMEOUT:g} s",
        "idle connections": f"{KEEPALIVE_TIMEOUT:g} s",
        "a line of an import": (
            f"{_kib(MAX_LINE)}, and {MAX_RECORD_LINES} lines in a record of CSV"
        ),
        "a patch of a shadow": _kib(MAX_PATCH),
        "a login of Kapua's face or of the console": _kib(MAX_BEGINNING),
        "a query of Kapua's face": _kib(MAX_QUERY),
        "a header, or the address, of a request": (
            f"{PARSER['max_field_size'].default} bytes"
        ),
        "headers of a request": f"{PARSER['max_headers'].default}",
        "the head of a request, which is its address and all its headers": _kib(
            MAX_HEAD
        ),
        "memory that a connection may hold of heads, and of requests behind one that is"
        " not answered": _kib(head_budget.FREE_BYTES),
        "the same of all connections, beyond that": _mib(head_budget.HEAD_ROOM),
        f"what those leave to others of it that hold over"
        f" {_kib(head_budget.SHORT_BYTES)}": _mib(
            head_budget.HEAD_ROOM - head_budget.LONG_ROOM
        ),
        "fields of a form that a device posts": f"{MAX_PAIRS}",
        "a form of the console; one that sends commands; one with a file; the fields of"
        " any": (
            f"{_kib(MAX_BEGINNING)}; {form_body.MAX_TEXT} characters;"
            f" {_mib(send.MAX_BYTES)}; {form_body.MAX_FIELDS}"
        ),
        "what a webhook's receiver answers, and the time for it": (
            f"{_kib(MAX_ANSWER)}, {REQUEST_TIMEOUT:g} s"
        ),
        "webhooks that are on their way, of all subscriptions, in memory: those of up"
        f" to {_kib(SHORT_BODY)}; longer ones": (
            f"{_mib(SHORT_ROOM)}; {_mib(LONG_ROOM)}, or one that is longer, beside"
            f" {_mib(LONG_ROOM // PART_OF_SLOW)} of others if its receiver is slow"
        ),
        "events that wait to be sent to a subscription, in memory": (
            f"{MAX_IN_FLIGHT}, those of over {_kib(SHORT_DATA)} without what they say"
        ),
        "a response in which a refusal, a property or a version is looked for": _kib(
            MAX_SEARCHED
        ),
    }

    assert expected == dict(_rows("Sizes and times"))
    assert (0, 0) == (DEFAULTS.connections, DEFAULTS.connections_per_address)
    assert f"up to {request_starts.MAX_STARTS} start in each turn" in _section("Bounds")


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
    assert (4, 2) == (PART_OF_ONE, PART_OF_SLOW)  # "a fourth", "half"
    sentences = (
        f"Results of up to {_kib(MAX_INLINE)} are read there",
        f"whose bodies are over {MAX_UNCOUNTED} bytes {MAX_DECODED} work at a time",
        f"those over {_kib(MAX_IN_THREAD)} in a process of their own",
        f"with {CHILD_CPU_SECONDS} seconds of processor time"
        f" and {MAX_MEMORY // 2**30} GiB of memory",
        f"that time within {CHILD_TIMEOUT:g} seconds",
        f"ends at most {MAX_ENDED_AT_ONCE} waiting commands",
        f"A body over {_mib(MAX_IN_MEMORY)} is in a private file",
        f"one over {_kib(FREE_BYTES)} when those that arrive fill {_mib(MAX_PIECES)}",
        f"while they arrive they share {_mib(ARRIVING_ROOM)}: each takes its announced"
        f" length, up to {_kib(FREE_BYTES)}, and {_kib(REQUEST_BYTES)} for the request",
        f"an only one is ended when {_mib(ROOM_OF_ONLY_ONES)} are taken",
        f"An event of over {_kib(FREE_BYTES)}, such as one with a long error",
        f"is in a file when {_mib(MAX_PIECES)} of memory are filled",
        f"or {MAX_WAITING_IN_ALL} of all, more are 429",
        f"{_kib(MAX_ANSWER)} of an answer are read, within {REQUEST_TIMEOUT:g} s",
        f"the last {MAX_UNKNOWN_REQUESTS} requests are kept,"
        f" {_kib(MAX_UNKNOWN_REQUEST_BYTES)} of each body and path",
        f"At most {DEFAULTS.quarantined_devices} such devices are remembered",
        f"when the incumbent has been silent for {INCUMBENT_SILENCE // MINUTE} minutes",
        f"has at most {MAX_SESSIONS} sessions",
        f"a body of over {_mib(MAX_INLINE_BODY)} in a command or a step",
        f"a call that has over {_mib(MAX_INLINE_BODIES)} of them",
        f"at most {_kib(MAX_REQUEST_BYTES)} or one device's in a commit",
        f"at once it reads some {_mib(MAX_READ)}",
        f"receivers whose last request took over {SLOW:g} s have half of it",
        f"they may have all the room, for {REQUEST_TIMEOUT:g} s",
        f"no decision after {MAX_SECONDS * 1000:g} ms of processor time, and takes"
        f" {MAX_JOBS} at most",
        f"in pieces of {MAX_AT_ONCE} devices or {_mib(MAX_BYTES_AT_ONCE)} of desired",
        f"the same with imports over {_kib(MAX_INLINE)}, of which three wait",
        f"patches of one shadow over {_kib(MAX_INLINE)} eight are done at a time",
        f"at most {MAX_SERVICES} services and {MAX_PROPERTIES} properties,"
        f" in {MAX_SHADOW_BYTES:,} bytes",
        f"an operation has at most {MAX_STEPS} steps",
        f"at most {MAX_ITEMS} tags and an operation {MAX_ITEMS} `properties`, of"
        f" {MAX_LABEL_SIZE} characters in all",
        f"at most {MAX_DEVICE_IDS} devices; those and targets have at most"
        f" {MAX_ITEMS} tags",
    )

    assert 10 == MAX_WAITING == FREE_TRIES
    assert (2, 3) == (shadow_tasks.MAX_WAITING, device_import.MAX_WAITING)
    assert (30, 64 * 1024) == (transfers.FREE_SECONDS, transfers.ENOUGH_IN_A_SECOND)
    assert 8 == shadows.MAX_LARGE
    assert [] == [each for each in sentences if each not in text]


def test_memory_of_connections() -> None:
    """
    What is said of connections adds up, and tests hold what each of them takes.
    """
    text, of_each = " ".join(PAGE.split()), 12
    many, shared = 10_000, head_budget.HEAD_ROOM
    settings = " ".join((PAGE_FOLDER / "settings.md").read_text("utf-8").split())
    sentences = (
        f"free up to {_kib(head_budget.FREE_BYTES)}",
        f"comes out of {_mib(shared)} that all share",
        f"hold over {_kib(head_budget.SHORT_BYTES)}",
        f"less than {_mib(head_budget.LONG_ROOM)} of it are taken",
        f"the same {_mib(shared)} while it waits: {_kib(REQUEST_BYTES)}",
        f"{_kib(UNSTARTED_BYTES)} if it has a body and waits for its start",
        f"heads that hold no more than {_kib(head_budget.SHORT_BYTES)} get that room",
        f"{_kib(OF_EACH)} once it has asked, and no more than {of_each} KiB",
        f"{many:,} connections of strangers take less than {_mib(BOUND)}",
    )

    assert [] == [each for each in sentences if each not in text]
    assert many * of_each * 1024 + shared < BOUND
    assert f"{many:,} for {_mib(BOUND)}" in settings
    assert f"{1024 // of_each} for each MiB beyond {shared // 2**20}" in settings


def test_times_in_words() -> None:
    """
    What sentences say of time in words is what the program does.
    """
    text, hour = " ".join(PAGE.split()), 60 * MINUTE
    sentences = {
        "from the first again within two minutes": CONFLICT_WINDOW == 2 * MINUTE,
        "at most once an hour for each device": CONFLICT_EVENT_INTERVAL == hour,
        "when no other address polled for an hour": CONFLICT_END == hour,
        "silent for an hour makes room": QUARANTINE_IDLE_SECONDS * SECOND == hour,
        "valid for half an hour": SESSION_LIFETIME == hour // 2,
        "A refresh within five hours": REFRESH_LIFETIME == 5 * hour,
        "worth what the token is, for twelve hours": CONSOLE_LIFETIME == 12 * hour,
        "trusts its memory for one second more": MAX_TOKEN_AGE == 1,
        "each further one after a second": DELAY == 1,
    }

    assert [] == [each for each, is_true in sentences.items() if not is_true]
    assert [] == [each for each in sentences if each not in text]


def test_random_bits() -> None:
    """
    A key and a token have as many random bits as the page says.
    """
    key, token = new_device_key(), new_token_secret().removeprefix("pst_")
    text = " ".join(PAGE.split())
    bits = [len(urlsafe_b64decode(each + "==")) * 8 for each in (key, token)]

    assert f"A key is {bits[0]} random bits" in text
    assert f"Tokens are {bits[1]} random bits" in text
