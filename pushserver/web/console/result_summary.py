"""
What pages are told of results: everything but their bodies.

Jinja keeps what a page was made of until the garbage collector finds it, much later.
"""

from typing import Any

import attrs

from pushserver.model.command import Result
from pushserver.storage.history import CommandRecord


@attrs.frozen
class ResultSummary:
    """A result, and the `size` of its body in bytes."""

    id: int
    device_id: int
    command_id: int | None
    endpoint: str | None
    command_endpoint: str | None
    received_at: int
    content_type: str | None
    body_deleted_at: int | None
    size: int


_SAME = [each.name for each in attrs.fields(ResultSummary) if each.name != "size"]


def without_results(value: Any) -> Any:
    """Return *value* with a summary in place of each result, and none in records."""
    match value:
        case Result():
            same = {name: getattr(value, name) for name in _SAME}
            return ResultSummary(**same, size=len(value.body))
        case CommandRecord():
            return attrs.evolve(value, result=None)
        case list():
            return [without_results(each) for each in value]
    return value
