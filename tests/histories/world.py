"""What a test remembers of a history: who was given what, and said what."""

from collections.abc import Mapping
from typing import Any

import attrs

from tests.histories.answers import Said

#: What programs order; a photo is bytes, and doors and reboots are given once at most.
ORDERS: Mapping[str, Mapping[str, Any]] = {
    "load_objects": {"body": {"object": "users"}},
    "destroy_objects": {"body": {"object": "users"}},
    "execute_actions": {"body": {"actions": [{"action": "door"}]}},
    "reboot": {},
    "user_set_image": {"contentType": "application/octet-stream", "body": "AAAA"},
}
ONCE = frozenset({"execute_actions", "reboot"})


@attrs.define(eq=False)
class Terminal:
    """
    A device between its creation and its deletion.

    Its successor has the same id, and is another one.
    """

    device_id: int
    token: str = attrs.field(repr=False)
    #: Older firmware sends none.
    has_uuids: bool
    given: "list[Delivery]" = attrs.field(factory=list, repr=False)


@attrs.define(eq=False)
class Order:
    """A command, as the program that enqueued it knows it."""

    command_id: str
    endpoint: str
    terminal: Terminal
    #: It was taken back or replaced: it is not handed out any more.
    is_over: bool = False
    deliveries: "list[Delivery]" = attrs.field(factory=list, repr=False)
    #: What its device said of it in whole posts, one after the other.
    said: list[Said] = attrs.field(factory=list)

    @property
    def expected_states(self) -> tuple[str, ...]:
        """How it has to end: the first word that can be understood counts."""
        understood = [each for each in self.said if each is not Said.UNKNOWN]
        if understood:
            return ("SUCCESSFUL" if understood[0] is Said.YES else "FAILED",)
        return ("TIMEOUT",) if self.deliveries else ("CANCELED", "EXPIRED")


@attrs.define(eq=False)
class Delivery:
    """An order that was handed to a terminal."""

    order: Order
    uuid: str | None


@attrs.define
class World:
    """Every device id with the terminal that has it, if any, and every order."""

    terminals: dict[int, Terminal | None] = attrs.field(factory=dict)
    orders: dict[str, Order] = attrs.field(factory=dict)

    def hand_out(self, order: Order, terminal: Terminal, uuid: str | None) -> None:
        """Note that a terminal was given an order, which it has to be entitled to."""
        assert terminal is order.terminal, f"{order} is at the wrong device"
        assert not order.is_over, f"{order} was taken back, or replaced"
        is_first = not order.deliveries
        assert is_first or order.endpoint not in ONCE, f"{order} is given again"
        delivery = Delivery(order, uuid)
        order.deliveries.append(delivery)
        terminal.given.append(delivery)

    def unmistakable(self) -> list[Delivery]:
        """Return what a terminal means that answers without a uuid: its last order."""
        there = filter(None, self.terminals.values())
        last = [each.given[-1] for each in there if each.given]
        return [each for each in last if not each.order.said]

    def answerable(self) -> list[Delivery]:
        """Return what may be answered: with a uuid that is every delivery."""
        last = self.unmistakable()
        known = [each for order in self.orders.values() for each in order.deliveries]
        return [each for each in known if each.uuid or each in last]

    def distinguishes_uuids(self, delivery: Delivery) -> bool:
        """
        Tell whether a strange uuid belongs to nothing where a delivery went.

        Of a device that polls without one, what it has is meant by any.
        """
        terminal = self.terminals[delivery.order.terminal.device_id]
        is_distinguished = terminal is None or terminal.has_uuids
        return delivery.uuid is not None and is_distinguished

    def check(self, order: Order, shown: Mapping[str, Any]) -> None:
        """Check what the API says of an order when all is over."""
        assert shown["state"] in order.expected_states, f"{order} is {shown}"
        assert len(order.deliveries) == shown["attempts"], f"{order} is {shown}"
