"""Results: a device tells what became of a command."""

from contextlib import AbstractContextManager, nullcontext

import attrs

from pushserver.clock import Clock
from pushserver.dialects.controlid.order import normal_endpoint
from pushserver.dialects.controlid.result import read
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut, MatchedBy, Result
from pushserver.model.ids import IdSource
from pushserver.model.lane import Flight, Lane
from pushserver.model.reading import Reading
from pushserver.model.shadow import Dialect
from pushserver.model.turns import answered
from pushserver.storage.deciding import CommandStore, Past, PastDelivery, Recall


@attrs.frozen(kw_only=True)
class Post:
    """What a device of the scope posted; `complete` is False if its end never came."""

    scope_id: int
    device_id: int
    uuid: str | None
    endpoint: str | None
    content_type: str | None
    content_encoding: str | None
    complete: bool
    body: bytes


@attrs.frozen
class Match:
    """To which delivery a result belongs, and how that was found."""

    delivery: HandOut
    command: Command
    by: MatchedBy


@attrs.define(eq=False)
class Reporting:
    """Takes results, finds their commands, and ends those."""

    store: CommandStore
    clock: Clock
    ids: IdSource
    dialect: Dialect

    def arriving(
        self, device_id: int, uuid: str | None
    ) -> AbstractContextManager[None]:
        """While a result's body is on its way, its delivery is not given up."""
        lane = self.store.lane(device_id)
        flight = None if lane is None else lane.flight
        if flight is None or not _may_be(flight, uuid):
            return nullcontext()
        return _Arriving(flight)

    async def report(self, post: Post) -> Result:
        """
        Keep what was posted and let it end its command.

        Raises:
            Unavailable: it could not be kept.
        """
        reading = read(post.body, post.content_encoding)
        result = None
        if self._in_flight(post):
            result = await self._take(post, reading, None)
        if result is None:
            recall = Recall(uuid=post.uuid, given_up=True)
            result = await self._take(post, reading, recall)
        assert result is not None  # noqa: S101 - with the past at hand it is kept
        return result

    def _in_flight(self, post: Post) -> bool:
        """Tell whether the past need not be asked."""
        lane = self.store.lane(post.device_id)
        if lane is None or lane.flight is None:
            return False
        if post.uuid is None:
            return _fits(lane.flight.command, post)
        return post.uuid == lane.flight.delivery.uuid

    async def _take(
        self, post: Post, reading: Reading, recall: Recall | None
    ) -> Result | None:
        def decide(lane: Lane, changes: Changes, past: Past) -> Result | None:
            match = _match(lane, changes, past, post, self.clock.now())
            if match is None and recall is None:
                return None
            result = self._result(post, match)
            changes.keep(result)
            if match is not None and _is_whole(post, reading):
                answered(
                    lane,
                    match.command,
                    match.delivery,
                    changes,
                    result=result,
                    reading=self._of_service(match.command, reading),
                )
            return result

        return await self.store.change(post.device_id, decide, recall)

    def _of_service(self, command: Command, reading: Reading) -> Reading:
        """Read what is said of the service for which the device was asked."""
        if command.service_id is None or reading.response is None:
            return reading
        reported = self.dialect.reported(reading.response, command.service_id)
        return attrs.evolve(reading, reported=reported)

    def _result(self, post: Post, match: Match | None) -> Result:
        return Result(
            id=self.ids(),
            scope_id=match.command.scope_id if match else post.scope_id,
            device_id=post.device_id,
            command_id=match.command.id if match else None,
            delivery_id=match.delivery.id if match else None,
            matched_by=match.by if match else None,
            uuid=post.uuid,
            endpoint=post.endpoint,
            received_at=self.clock.now(),
            content_type=post.content_type,
            content_encoding=post.content_encoding,
            complete=post.complete,
            body=post.body,
        )


class _Arriving:
    """Counts one result on its way to *flight*; cheaper than a generator."""

    __slots__ = ("_flight",)

    def __init__(self, flight: Flight) -> None:
        self._flight = flight

    def __enter__(self) -> None:
        self._flight.arriving += 1

    def __exit__(self, *_raised: object) -> None:
        self._flight.arriving -= 1


def _is_whole(post: Post, reading: Reading) -> bool:
    """Tell whether all was said: of what broke off only an object shows its end."""
    if post.complete:
        return True
    return not reading.unreadable and post.body.lstrip()[:1] == b"{"


def _may_be(flight: Flight, uuid: str | None) -> bool:
    return None in (uuid, flight.delivery.uuid) or uuid == flight.delivery.uuid


def _fits(command: Command, post: Post) -> bool:
    """Tell whether the endpoint in the result's address does not contradict."""
    return not post.endpoint or normal_endpoint(post.endpoint) == command.endpoint


def _match_flight(lane: Lane, post: Post) -> Match | None:
    """Match the delivery in flight: by its uuid, or as one side has none."""
    flight = lane.flight
    if flight is None:
        return None
    if post.uuid is not None and post.uuid == flight.delivery.uuid:
        return Match(flight.delivery, flight.command, MatchedBy.UUID)
    if None in (post.uuid, flight.delivery.uuid) and _fits(flight.command, post):
        return Match(flight.delivery, flight.command, MatchedBy.IN_FLIGHT)
    return None


def _is_stale(last: PastDelivery, now: int) -> bool:
    """
    Tell whether a result without uuid can hardly be for *last*.

    Others were answered since, and its own time is over: it is one of theirs again.
    """
    delivery = last.delivery
    since = delivery.delivered_at or delivery.sent_at
    return last.followed and now >= since + last.command.response_timeout


def _match(
    lane: Lane, changes: Changes, past: Past, post: Post, now: int
) -> Match | None:
    """Find the newest delivery with the uuid; else the one in flight; else the last."""
    match = _match_flight(lane, post)
    if match is not None and match.by is MatchedBy.UUID:
        return match
    if past.by_uuid is not None:
        return _alive(past.by_uuid, lane, changes, MatchedBy.UUID)
    if match is not None:
        return match
    last = past.given_up
    if last is None or not _fits(last.command, post) or _is_stale(last, now):
        return None
    if None in (post.uuid, last.delivery.uuid):
        return _alive(last, lane, changes, MatchedBy.LAST_GIVEN_UP)
    return None


def _alive(past: PastDelivery, lane: Lane, changes: Changes, by: MatchedBy) -> Match:
    """Take the objects that are at work, where the file's are copies of them."""
    delivery, command = past.delivery, past.command
    delivery = changes.deliveries.get(delivery.id, delivery)
    if lane.flight is not None and lane.flight.delivery.id == delivery.id:
        delivery = lane.flight.delivery
    live = lane.find(command.id) or changes.commands.get(command.id)
    if live is None and command.operation is not None:
        command.operation = changes.current(lane, command.operation)
    if live is None and command.shadow is not None:
        command.shadow = changes.current_service(lane, command.shadow)
    return Match(delivery, live or command, by)
