"""The journal tells which device did what, and never what it holds."""

import hashlib
import json
from pathlib import Path

from pushserver.simulate import Journal, Order, digest

ORDER = Order(endpoint="load_objects", body={"object": "users", "limit": 1}, uuid="u")


def test_digest_of_bytes_is_their_sha256() -> None:
    """
    Bytes are digested as they are.
    """
    assert hashlib.sha256(b"photo").hexdigest() == digest(b"photo")


def test_digest_is_blind_to_order() -> None:
    """
    Two objects with the same fields have the same digest.
    """
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})


def test_entries_of_one_device() -> None:
    """
    Entries are found by device and event, and counted.
    """
    journal = Journal()
    journal.enter("executed", 1, ORDER, said={"users": []})
    journal.enter("executed", 2, ORDER)
    journal.enter("response", 1, ORDER, status=200)

    assert 2 == journal.counts["executed"]
    assert [(digest(ORDER.body), digest({"users": []}))] == [
        (entry.body, entry.answer) for entry in journal.of(1)
    ]


def test_octets_are_digested_as_bytes() -> None:
    """
    A photo's digest is the photo's own; what is no base64 has one, too.
    """
    octets = "application/octet-stream"
    journal = Journal()
    for body in ("AAEC", "%%%"):
        order = Order(endpoint="user_set_image", body=body, content_type=octets)
        journal.enter("executed", 1, order)

    assert [digest(b"\x00\x01\x02"), digest("%%%")] == [e.body for e in journal.of(1)]


def test_written_as_ndjson(tmp_path: Path) -> None:
    """
    A journal with a file writes a line an entry, and keeps nothing in memory.
    """
    journal = Journal.written(tmp_path / "journal")
    journal.enter("executed", 1, ORDER, said="secret")
    journal.close()
    text = (tmp_path / "journal").read_text()

    assert [] == journal.entries
    assert "secret" not in text
    assert ("executed", "1", "load_objects") == tuple(
        json.loads(text)[name] for name in ("event", "deviceId", "endpoint")
    )


def test_counts_alone() -> None:
    """
    A journal that keeps nothing still counts.
    """
    journal = Journal(keep=False)
    journal.enter("executed", 1, ORDER)
    journal.count("polls")

    assert {"executed": 1, "polls": 1} == journal.counts
    assert [] == journal.entries
