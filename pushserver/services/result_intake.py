"""Takes posted results, and ends the commands that they belong to."""

import asyncio
from collections.abc import Callable
from functools import partial

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command, MatchedBy, Result
from pushserver.model.lane import Lane
from pushserver.model.parsed_result import MAX_SEARCHED, LocatedResult, ParsedResult
from pushserver.model.transfers import keep_busy
from pushserver.model.transitions import apply_result, is_open_to_result
from pushserver.protocols.base import judge_response
from pushserver.services.lanes import Lanes
from pushserver.services.orphan_bounds import CountedOrphan, OrphanBounds
from pushserver.services.posted_result import PostedResult
from pushserver.services.result_match import (
    ResultMatch,
    endpoint_fits,
    find_match,
    may_match,
)
from pushserver.services.result_places import ReceivingResult, ResultPlaces
from pushserver.services.transfers import Voucher
from pushserver.storage.commands import CommandStore, Lookup, PriorState


@attrs.define(eq=False)
class ResultIntake:
    """Stores results and ends the commands that they belong to."""

    store: CommandStore
    lanes: Lanes
    orphans: OrphanBounds
    places: ResultPlaces

    def receiving(
        self, device_id: int, uuid: str | None, end: Callable[[], None] | None = None
    ) -> ReceivingResult:
        """
        Return what keeps a result's place, and its delivery in flight, during a block.

        *end* ends it for others. Unless it is None not all of the body is there yet, so
        other servers may have to know.
        """
        lane = self.store.cached_lane(device_id)
        in_flights = () if lane is None else lane.in_flights
        matching = [each for each in in_flights if may_match(each, uuid)]
        is_named = uuid in [each.delivery.uuid for each in matching]
        voucher = None
        if end is not None:
            voucher = Voucher(self.lanes, device_id, partial(may_match, uuid=uuid))
        addressee = device_id, uuid if is_named else None
        return ReceivingResult(self.places, addressee, matching, voucher, end)

    async def accept(self, posted: PostedResult) -> Result | None:
        """
        Store what was posted and end its command; None if its key was replaced since.

        Raises:
            TooMany: it ends none, and there were too many of these today.
            Unavailable: it could not be stored.
        """
        assert posted.scope_id is not None  # noqa: S101 - `accept_late` is for others
        located = await posted.read()
        result = None
        if self.is_for_in_flight(posted):
            result = await self._store_result(posted, located, None)
        if result is None:
            lookup = Lookup(delivery_uuid=posted.uuid, last_given_up=True)
            result = await self._store_result(posted, located, lookup)
        return result

    def begin_accept(self, posted: PostedResult) -> asyncio.Future[Result | None]:
        """
        Begin to store a short result of a command in flight, as `accept` does.

        None comes of it if the command is in flight no more, or its key was replaced.
        The future raises Unavailable if it could not be stored.
        """
        parsed = posted.protocol.parse_result(posted.body, posted.content_encoding)
        located = LocatedResult.locate(parsed, posted.body)
        decide = _StoringResult(self.orphans, posted, located, parsed, False)
        return self.lanes.change(posted.device_id, decide, on_done=decide.end)

    async def awaits_late(self, announced: PostedResult) -> bool:
        """
        Tell whether a result with this uuid ends a command of a device not served.

        Raises:
            Unavailable: the store is away.
        """

        # Strangers can post, too: their results must not delay the doors' commits.
        lookup = Lookup(delivery_uuid=announced.uuid)
        prior = (await self.store.look_up(announced.device_id, lookup)).by_uuid
        return prior is not None and is_open_to_result(prior.command, prior.delivery)

    async def accept_late(self, posted: PostedResult) -> Result | None:
        """
        Store what a device posted that is not served any more, if it ends a command.

        It has to carry the uuid of a delivery that had no result yet: whoever knows
        none cannot have anything stored.

        Raises:
            Unavailable: it could not be stored.
        """
        if posted.uuid is None or not await self.awaits_late(posted):
            return None
        lookup = Lookup(delivery_uuid=posted.uuid)
        return await self._store_result(posted, await posted.read(), lookup)

    def in_flight_count(self, device_id: int) -> int:
        """Return how many commands are with the device, as far as memory knows."""
        lane = self.store.cached_lane(device_id)
        return 0 if lane is None else len(lane.in_flights)

    def is_for_in_flight(self, posted: PostedResult) -> bool:
        """Tell whether it belongs to a command in flight, so no lookup is needed."""
        lane, uuid = self.store.cached_lane(posted.device_id), posted.uuid
        for each in () if lane is None else lane.in_flights:
            is_fitting = uuid is None and endpoint_fits(each.command, posted)
            if is_fitting or (uuid is not None and uuid == each.delivery.uuid):
                return True
        return False

    async def _store_result(
        self, posted: PostedResult, located: LocatedResult, lookup: Lookup | None
    ) -> Result | None:
        was_looked_up, parsed = lookup is not None, located.read(posted.body)
        decide = _StoringResult(self.orphans, posted, located, parsed, was_looked_up)
        return await self.lanes.change(posted.device_id, decide, lookup, decide.end)


@attrs.define(eq=False)
class _StoringResult:
    """
    The decision that stores a result; its value is None if it is not to be stored.

    `was_looked_up`: what the store knows of its delivery is in the prior state.
    `counted`: it ends no command.
    """

    orphans: OrphanBounds
    posted: PostedResult
    located: LocatedResult
    parsed: ParsedResult
    was_looked_up: bool
    counted: CountedOrphan | None = attrs.field(default=None, init=False)

    def __call__(
        self, lane: Lane, changes: Changes, prior: PriorState
    ) -> Result | None:
        """Store it, and end its command."""
        posted = self.posted
        match = find_match(lane, changes, prior, posted)
        may_count = posted.scope_id is not None or _is_late(match)
        if not (posted.is_served(lane.keys) and may_count):
            return None
        if match is None and not self.was_looked_up:
            return None
        self._count_if_orphan(match, changes)
        # Which responses say no depends on the endpoint: the command's, or else the one
        # that the result names.
        endpoint = posted.endpoint if match is None else match.command.endpoint
        judged = judge_response(posted.protocol, self.parsed, endpoint)
        located = self.located.judged(judged, posted.body)
        result = _make_result(posted, match, located, changes)
        changes.add_result(result)
        if match is not None:
            self._apply(lane, changes, match, result, judged)
        return result

    def end(self, is_committed: bool, _is_awaited: bool) -> None:
        """Count it no more if it was not stored."""
        if not is_committed:
            self._take_back()

    def _take_back(self) -> None:
        counted, self.counted = self.counted, None
        if counted is not None:
            self.orphans.take_back(counted)

    def _count_if_orphan(self, match: ResultMatch | None, changes: Changes) -> None:
        posted, size = self.posted, len(self.posted.body)
        self._take_back()  # what an earlier run of this decision counted
        if (
            match is None or not posted.complete or match.delivery.outcome is not None
        ) and _ends_nothing(posted, match):
            self.counted = self.orphans.count(posted.device_id, size, changes.now)

    def _apply(
        self,
        lane: Lane,
        changes: Changes,
        match: ResultMatch,
        result: Result,
        judged: ParsedResult,
    ) -> None:
        if not self.posted.is_final:
            # What runs against the command runs anew: the rest may come again.
            keep_busy(lane, match.is_of, changes.now, changes)
            return
        apply_result(
            lane,
            match.command,
            match.delivery,
            changes,
            result=result,
            parsed_result=_with_reported(match.command, judged, self.posted),
        )


def _make_result(
    posted: PostedResult,
    match: ResultMatch | None,
    located: LocatedResult,
    changes: Changes,
) -> Result:
    scope_id = match.command.scope_id if match else posted.scope_id
    assert scope_id is not None  # noqa: S101 - whose device is not served has a match
    return Result(
        id=changes.new_id(),
        scope_id=scope_id,
        device_id=posted.device_id,
        command_id=match.command.id if match else None,
        delivery_id=match.delivery.id if match else None,
        matched_by=match.matched_by if match else None,
        uuid=posted.uuid,
        endpoint=posted.endpoint,
        received_at=changes.now,
        content_type=posted.content_type,
        content_encoding=posted.content_encoding,
        complete=posted.complete,
        body=posted.body,
        command_endpoint=match.command.endpoint if match else None,
        rejection=posted.rejection,
        parsed=located.spans,
        mended=located.mended or None,
        trace_id=match.command.trace_id if match else None,
    )


def _with_reported(
    command: Command, parsed: ParsedResult, posted: PostedResult
) -> ParsedResult:
    """Add the properties that the device reported of the service that was read."""
    response = parsed.response
    if command.service_id is None or response is None or parsed.failed:
        return parsed
    if isinstance(response, memoryview) or len(response) > MAX_SEARCHED:
        return parsed
    reported = posted.protocol.parse_reported(response, command.service_id)
    return attrs.evolve(parsed, reported=reported)


def _ends_nothing(posted: PostedResult, match: ResultMatch | None) -> bool:
    """Tell whether it ends no command: an orphan, a repetition, or a piece."""
    return match is None or not (
        posted.is_final and is_open_to_result(match.command, match.delivery)
    )


def _is_late(match: ResultMatch | None) -> bool:
    """Tell whether the uuid is that of a delivery that a result still ends."""
    if match is None or match.matched_by is not MatchedBy.UUID:
        return False
    return is_open_to_result(match.command, match.delivery)
