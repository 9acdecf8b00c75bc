"""What takes long to make, and is the same for all who ask: made once, in a thread."""

from collections.abc import Callable

import attrs

from pushserver.services.off_loop import run_in_thread


@attrs.define(eq=False)
class MadeOnce:
    """
    Bytes for each set of arguments; whoever asks later does not wait for them.

    Threads that begin at the same time may each make them, and they are the same.
    """

    _make: Callable[..., bytes]
    _made: dict[tuple[str, ...], bytes] = attrs.field(factory=dict, init=False)

    async def get(self, *args: str) -> bytes:
        """Return them."""
        made = self._made.get(args)
        if made is None:
            made = await run_in_thread(self._make_once, args)
        return made

    def _make_once(self, args: tuple[str, ...]) -> bytes:
        """Make them, unless they were made while this waited for its thread."""
        if args not in self._made:
            self._made[args] = self._make(*args)
        return self._made[args]
