"""Bounds the results of a device that are under way: whoever knows its id can post."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Self

import attrs

from pushserver.errors import TooMany
from pushserver.model.bounds import Bounds
from pushserver.model.in_flight import InFlight
from pushserver.services.transfers import Voucher

#: A device, and the uuid of the delivery in flight that a result names; None: of none.
Addressee = tuple[int, str | None]


@attrs.define(eq=False, repr=False)
class ResultPlaces:
    """
    Places for the results of a device, from their heads until they are stored.

    One has its place whatever became of its connection. Results that name a delivery in
    flight have places of their own: who does not know its uuid takes none of them.
    `counts` counts what was beyond.
    """

    bounds: Bounds
    counts: Counter[str]
    _taken: dict[Addressee, dict["ReceivingResult", None]] = attrs.field(
        factory=dict, init=False
    )

    def has_room(self, addressee: Addressee) -> bool:
        """Tell whether one more has a place, and none has to be ended for it."""
        return len(self._taken.get(addressee, ())) < self.bounds.device_results

    def take(self, addressee: Addressee, result: "ReceivingResult") -> None:
        """
        Take a place; of those that still arrive, the oldest is ended if there is none.

        Raises:
            TooMany: there is none, and all that have one have arrived.
        """
        has_room = self.has_room(addressee)
        taken = self._taken.setdefault(addressee, {})
        if not has_room:
            self.counts["bounds.deviceResults"] += 1
            self._end_oldest(taken)
        taken[result] = None

    def give_back(self, addressee: Addressee, result: "ReceivingResult") -> None:
        """Give a place back, if the result still has it."""
        taken = self._taken.get(addressee, {})
        taken.pop(result, None)
        if not taken:
            self._taken.pop(addressee, None)

    def _end_oldest(self, taken: dict["ReceivingResult", None]) -> None:
        for result in taken:
            if result.end is not None:
                del taken[result]
                result.end()
                return
        most = self.bounds.device_results
        raise TooMany(f"At most {most} results of a device may wait to be stored.")


@attrs.define(eq=False)
class ReceivingResult:
    """
    A result under way, maybe of one of `in_flights`; cheaper than a generator.

    `end` is None once all of it is there.
    """

    places: ResultPlaces
    addressee: Addressee
    in_flights: Sequence[InFlight]
    voucher: Voucher | None
    end: Callable[[], None] | None

    @property
    def has_room(self) -> bool:
        """Tell whether it has a place, and none has to be ended for it."""
        return self.places.has_room(self.addressee)

    def __enter__(self) -> Self:
        """
        Take its place.

        Raises:
            TooMany: there is none.
        """
        self.places.take(self.addressee, self)
        for in_flight in self.in_flights:
            in_flight.transfers.add(self)
        if self.voucher is not None:
            self.voucher.__enter__()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.end = None
        self.places.give_back(self.addressee, self)
        for in_flight in self.in_flights:
            in_flight.transfers.discard(self)
        if self.voucher is not None:
            self.voucher.__exit__()
