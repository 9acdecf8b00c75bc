"""Counters are logged now and then, by how much they have grown."""

from collections import Counter

import structlog

from pushserver.workers.counter_log import CounterLog


async def test_nothing() -> None:
    """Counters that did not grow are not logged."""
    with structlog.testing.capture_logs() as lines:
        assert 0 == await CounterLog(Counter()).log_growth()

    assert [] == lines


async def test_growth() -> None:
    """Each counter is logged by its growth; refusals are a warning."""
    counts = Counter({"polls.idle": 7})
    counting = CounterLog(counts)
    with structlog.testing.capture_logs() as lines:
        await counting.log_growth()
        counts.update({"polls.idle": 2, "refused.noKey": 3})

        assert 2 == await counting.log_growth()
        assert 0 == await counting.log_growth()

    levels = [(line["log_level"], line.get("polls.idle")) for line in lines]
    assert [("info", 7), ("warning", None), ("info", 2)] == levels
    assert 3 == lines[1]["refused.noKey"]
