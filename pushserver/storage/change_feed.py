"""The feed of changes committed here and on other servers, and its subscribers."""

import enum
from collections.abc import Callable

import structlog

from pushserver.model.change_notice import ChangeNotice

log = structlog.get_logger(__name__)

Subscriber = Callable[[ChangeNotice], None]


class ChangeKind(enum.Enum):
    """A kind of change to subscribe to: the name of its field in the notice."""

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
    """Passes each notice to the subscribers of the kinds of change in it."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Subscriber]] = {}
        self._subscribers_to_all: list[Subscriber] = []

    def subscribe(self, kind: ChangeKind, subscriber: Subscriber) -> None:
        """
        Call *subscriber* with every notice of this *kind*, or of everything.

        What it raises is logged: the commit is done, and others must be notified.
        """
        self._subscribers.setdefault(kind.value, []).append(subscriber)

    def subscribe_to_all(self, subscriber: Subscriber) -> None:
        """Call *subscriber* with every notice, once, after all others."""
        self._subscribers_to_all.append(subscriber)

    def publish(self, notice: ChangeNotice) -> None:
        """Call the subscribers of the kinds in *notice*, then those to all."""
        for kind, subscribers in self._subscribers.items():
            if getattr(notice, kind) or notice.everything:
                _call(subscribers, notice)
        self.publish_own(notice)

    def publish_own(self, notice: ChangeNotice) -> None:
        """
        Call the subscribers to all with what a service of this server has written.

        That service keeps it in memory, too: nobody has to read it again.
        """
        _call(self._subscribers_to_all, notice)


def _call(subscribers: list[Subscriber], notice: ChangeNotice) -> None:
    for subscriber in subscribers:
        try:
            subscriber(notice)
        except Exception:
            log.exception("commit.listener_failed")
