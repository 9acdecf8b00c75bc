"""What a stream of events has in memory of what it sends."""

import attrs

from pushserver.model.event import Event

#: A piece has no more messages when it has so many bytes; a longer one is alone.
PIECE_SIZE = 16 * 1024


@attrs.define(eq=False, repr=False)
class EventPiece:
    """
    Messages of a stream that are sent together.

    They are few, because a peer may stall in the middle of them. `cursor` is the id of
    the last event that was looked at, of `count`. `is_full`: no more messages go in.
    """

    cursor: int
    count: int = attrs.field(default=0, init=False)
    size: int = attrs.field(default=0, init=False)
    is_full: bool = attrs.field(default=False, init=False)
    _messages: list[bytes] = attrs.field(factory=list, init=False)

    def add(self, event: Event, body: bytes) -> None:
        """Add the message of an event, unless it is for the next piece."""
        if self.size and len(body) >= PIECE_SIZE:
            self.is_full = True
            return
        message = b"id: %d\nevent: %s\ndata: %s\n\n" % (
            event.id,
            event.type.encode(),
            body,
        )
        self._messages.append(message)
        self.size += len(message)
        self.is_full = self.size >= PIECE_SIZE
        self.skip(event)

    def skip(self, event: Event) -> None:
        """Go on after an event."""
        self.cursor = event.id
        self.count += 1

    def take(self) -> bytes:
        """Return its bytes, once."""
        messages, self._messages = self._messages, []
        return b"".join(messages)
