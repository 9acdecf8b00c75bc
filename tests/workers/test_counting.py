"""What is counted is told now and then, by how much it has grown."""

from collections import Counter

import structlog

from pushserver.workers.counting import Counting


async def test_nothing() -> None:
    """Where nothing grew nothing is told."""
    with structlog.testing.capture_logs() as lines:
        assert 0 == await Counting(Counter()).tell()

    assert [] == lines


async def test_growth() -> None:
    """Each count is told by its growth; refusals are a warning."""
    counts = Counter({"polls.idle": 7})
    counting = Counting(counts)
    with structlog.testing.capture_logs() as lines:
        await counting.tell()
        counts.update({"polls.idle": 2, "refused.noKey": 3})

        assert 2 == await counting.tell()
        assert 0 == await counting.tell()

    told = [(line["log_level"], line.get("polls.idle")) for line in lines]
    assert [("info", 7), ("warning", None), ("info", 2)] == told
    assert 3 == lines[1]["refused.noKey"]
