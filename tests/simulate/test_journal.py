"""The journal records which device did what, and never its contents."""

import hashlib
import json
from pathlib import Path

from pushserver.simulate import Journal, ReceivedCommand, sha256_hex

ORDER = ReceivedCommand(
    endpoint="load_objects", body={"object": "users", "limit": 1}, uuid="u"
)


def test_digest_of_bytes_is_their_sha256() -> None:
    """
    Bytes are digested as they are.
    """
    assert hashlib.sha256(b"photo").hexdigest() == sha256_hex(b"photo")


def test_digest_is_blind_to_order() -> None:
    """
    Two objects with the same fields have the same digest.
    """
    assert sha256_hex({"a": 1, "b": [2]}) == sha256_hex({"b": [2], "a": 1})


def test_entries_of_one_device() -> None:
    """
    Entries are found by device and event, and counted.
    """
    journal = Journal()
    journal.record("executed", 1, ORDER, payload={"users": []})
    journal.record("executed", 2, ORDER)
    journal.record("response", 1, ORDER, status=200)

    assert 2 == journal.counts["executed"]
    assert [(sha256_hex(ORDER.body), sha256_hex({"users": []}))] == [
        (entry.body_digest, entry.payload_digest) for entry in journal.entries_of(1)
    ]


def test_octets_are_digested_as_bytes() -> None:
    """
    A photo's digest is the photo's own; what is no base64 has one, too.
    """
    octets = "application/octet-stream"
    journal = Journal()
    for body in ("AAEC", "%%%"):
        order = ReceivedCommand(
            endpoint="user_set_image", body=body, content_type=octets
        )
        journal.record("executed", 1, order)

    assert [sha256_hex(b"\x00\x01\x02"), sha256_hex("%%%")] == [
        e.body_digest for e in journal.entries_of(1)
    ]


def test_written_as_ndjson(tmp_path: Path) -> None:
    """
    A journal with a file writes a line an entry, and keeps nothing in memory.
    """
    journal = Journal.open_file(tmp_path / "journal")
    journal.record("executed", 1, ORDER, payload="secret")
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
    journal = Journal(keep_entries=False)
    journal.record("executed", 1, ORDER)
    journal.count_event("polls")

    assert {"executed": 1, "polls": 1} == journal.counts
    assert [] == journal.entries
