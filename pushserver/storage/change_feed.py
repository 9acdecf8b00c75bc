"""One feed of changes, committed here or on other servers, and who is told of which."""

import enum
from collections.abc import Callable

import structlog

from pushserver.model.change_notice import ChangeNotice

log = structlog.get_logger(__name__)

Subscriber = Callable[[ChangeNotice], None]


class ChangeKind(enum.Enum):
    """What a subscriber wants to hear of: the field of the notice that tells it."""

    WAITING = "waiting"
    OVER = "over"
    RESULTS = "results"
    EVENTS = "events"
    DEVICES = "devices"
    SEEN = "seen"
    TOKENS = "tokens"
    SUBSCRIPTIONS = "subscriptions"
    STEPS_DUE = "steps_due"
    TASKS_DUE = "tasks_due"
    SHADOWS_DUE = "shadows_due"


class ChangeFeed:
    """Hands each notice to those who subscribed to a kind of change that is in it."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Subscriber]] = {}

    def subscribe(self, kind: ChangeKind, subscriber: Subscriber) -> None:
        """
        Call *subscriber* with every notice that has something of *kind*, or everything.

        What it raises is logged: the commit is made already, and others want to know.
        """
        self._subscribers.setdefault(kind.value, []).append(subscriber)

    def publish(self, notice: ChangeNotice) -> None:
        """Call everybody whom *notice* concerns, and nobody else."""
        for kind, subscribers in self._subscribers.items():
            if getattr(notice, kind) or notice.everything:
                for subscriber in subscribers:
                    try:
                        subscriber(notice)
                    except Exception:
                        log.exception("commit.listener_failed")
