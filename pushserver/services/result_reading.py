"""Reads what devices post, once: off the loop if it is long, and stored with it."""

import attrs
import structlog

from pushserver.model.command import Result
from pushserver.model.parsed_result import (
    LocatedResult,
    ParsedResult,
    ParsedSpans,
)
from pushserver.protocols.base import DeviceProtocol, judge_response
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.off_loop import GaveUp, run_off_loop
from pushserver.storage.history import CommandHistory

log = structlog.get_logger(__name__)

#: Results of an earlier release that are read at a time.
_BATCH_SIZE = 100
_GIVEN_UP = LocatedResult(ParsedSpans(unreadable=True))


async def read_result(
    protocol: DeviceProtocol, body: bytes, content_encoding: str | None, device_id: int
) -> LocatedResult:
    """
    Read a body in its device's turn.

    What takes too long, or too much memory, is unreadable.
    """
    args = protocol, body, content_encoding
    try:
        return await run_off_loop(len(body), locate_result, *args, member=device_id)
    except GaveUp as reason:
        log.warning("result.given_up", bytes=len(body), reason=str(reason))
        return _GIVEN_UP


def locate_result(
    protocol: DeviceProtocol, body: bytes, content_encoding: str | None
) -> LocatedResult:
    """Read a body, and find in it what was read."""
    return LocatedResult.locate(protocol.parse_result(body, content_encoding), body)


@attrs.frozen
class UnreadResults:
    """Reads the results that servers of an earlier release stored."""

    history: CommandHistory
    protocols: DeviceProtocols

    async def read_some(self) -> int:
        """
        Read the newest ones, and store what they say; return how many those were.

        Raises:
            Unavailable: the store is away.
        """
        results = await self.history.unread_results(limit=_BATCH_SIZE)
        read = [await self._read(each) for each in results]
        await self.history.save_parsed(read)
        return len(read)

    async def _read(self, result: Result) -> Result:
        body, rejection, device_id = result.body, result.rejection, result.device_id
        if rejection is not None:
            located = LocatedResult.locate(ParsedResult.rejected(rejection), body)
        else:
            protocol = self.protocols.of_device(device_id)
            encoding = result.content_encoding
            located = await read_result(protocol, body, encoding, device_id)
            parsed = located.read(body)
            judged = judge_response(protocol, parsed, result.judged_endpoint)
            located = located.judged(judged, body)
        return attrs.evolve(result, parsed=located.spans, mended=located.mended)
