"""A command that is with its device."""

from collections.abc import Iterable

import attrs

from pushserver.clock import SECOND
from pushserver.model.command import Command, Delivery
from pushserver.model.guarantee import SLOW_GRACE_SECONDS
from pushserver.model.queue_status import InFlightView

#: Later than every instant.
NEVER = 2**63 - 1


@attrs.define(eq=False)
class InFlight:
    """
    A command that is with the device.

    `transfers` are its answer, while that is being written, and results whose body is
    on its way: while there is one, nothing is given up. `written_at` is when the
    answer's last byte was written, even if that is not recorded yet.
    """

    command: Command
    delivery: Delivery
    transfers: set[object] = attrs.Factory(set)
    written_at: int | None = None

    @property
    def timeout_starts_at(self) -> int:
        """The start of the grace and of the response timeout."""
        starts_at = self.written_at or self.delivery.sent_at
        busy_until = self.delivery.busy_until
        return starts_at if busy_until is None else max(starts_at, busy_until)

    @property
    def is_busy(self) -> bool:
        """Tell whether its answer or a result is on its way."""
        return bool(self.transfers)

    @property
    def view(self) -> InFlightView:
        """What programs see of it."""
        return InFlightView(
            self.command.id,
            self.command.endpoint,
            self.delivery.sent_at,
            self.written_at,
        )

    def grace_ends_at(self, grace: int) -> int:
        """The end of the grace: until then, a poll does not give the command up."""
        if self.transfers:
            return NEVER
        effective_grace = (
            max(grace, SLOW_GRACE_SECONDS * SECOND) if self.command.slow else grace
        )
        return self.timeout_starts_at + min(
            effective_grace, self.command.response_timeout
        )

    def carry_over(self, previous: Iterable["InFlight"]) -> None:
        """Copy the state in memory of the same delivery, among *previous*."""
        for each in previous:
            if each.delivery.id == self.delivery.id:
                self.transfers = each.transfers
                # If another server recorded it, the store knows more than memory.
                self.written_at = each.written_at or self.written_at

    @property
    def timeout_at(self) -> int:
        """When the result is overdue, unless the delivery is busy then."""
        return self.timeout_starts_at + self.command.response_timeout
