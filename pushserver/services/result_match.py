"""Finds the delivery that a posted result belongs to."""

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, MatchedBy
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.services.posted_result import PostedResult
from pushserver.storage.commands import PriorDelivery, PriorState


@attrs.frozen
class ResultMatch:
    """The delivery that a result belongs to, and how it was found."""

    delivery: Delivery
    command: Command
    matched_by: MatchedBy

    def is_of(self, in_flight: InFlight) -> bool:
        """Tell whether *in_flight* is that delivery."""
        return in_flight.delivery.id == self.delivery.id


def may_match(in_flight: InFlight, uuid: str | None) -> bool:
    """Tell whether a result with this *uuid*, or with none, may be its result."""
    return None in (uuid, in_flight.delivery.uuid) or uuid == in_flight.delivery.uuid


def endpoint_fits(command: Command, posted: PostedResult) -> bool:
    """Tell whether the result names no endpoint, or that of *command*."""
    return not posted.endpoint or posted.protocol.same_endpoint(
        posted.endpoint, command.endpoint
    )


def _may_be_of(delivery: Delivery, command: Command, posted: PostedResult) -> bool:
    """Tell whether the endpoint fits, and the uuid of one side is missing."""
    return None in (posted.uuid, delivery.uuid) and endpoint_fits(command, posted)


def _is_stale(prior: PriorDelivery, now: int) -> bool:
    """
    Tell whether *prior* is too old for a result without uuid.

    A later delivery was answered, and the response timeout of *prior* has passed.
    """
    delivery = prior.delivery
    since = delivery.busy_until or delivery.delivered_at or delivery.sent_at
    return prior.later_answered and now >= since + prior.command.response_timeout


def find_match(
    lane: Lane, changes: Changes, prior: PriorState, posted: PostedResult
) -> ResultMatch | None:
    """Find the newest delivery with the uuid; else the one in flight; else the last."""
    for each in lane.in_flights:
        if posted.uuid is not None and posted.uuid == each.delivery.uuid:
            return ResultMatch(each.delivery, each.command, MatchedBy.UUID)
    if prior.by_uuid is not None:
        return _live_match(prior.by_uuid, lane, changes, MatchedBy.UUID)
    if posted.only_by_uuid:
        return None
    for each in lane.in_flights:
        if _may_be_of(each.delivery, each.command, posted):
            return ResultMatch(each.delivery, each.command, MatchedBy.IN_FLIGHT)
    last = prior.last_given_up
    if (
        last is None
        or not _may_be_of(last.delivery, last.command, posted)
        or _is_stale(last, changes.now)
    ):
        return None
    return _live_match(last, lane, changes, MatchedBy.LAST_GIVEN_UP)


def _live_match(
    prior: PriorDelivery, lane: Lane, changes: Changes, by: MatchedBy
) -> ResultMatch:
    """Match the live objects, because those looked up may be copies."""
    delivery, command = prior.delivery, prior.command
    delivery = changes.changed_deliveries.get(delivery.id, delivery)
    for in_flight in lane.in_flights:
        if in_flight.delivery.id == delivery.id:
            delivery = in_flight.delivery
    live_command = lane.find_command(command.id) or changes.changed_commands.get(
        command.id
    )
    if live_command is None and command.operation is not None:
        command.operation = changes.live_operation(lane, command.operation)
    if live_command is None and command.service is not None:
        command.service = changes.live_service(lane, command.service)
    return ResultMatch(delivery, live_command or command, by)
