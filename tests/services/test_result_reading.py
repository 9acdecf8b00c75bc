"""A result is read once, when it comes; what it says is stored with it."""

import attrs
import pytest

from pushserver.model.command import Result
from pushserver.model.parsed_result import (
    MAX_SEARCHED,
    LocatedResult,
    ParsedResult,
    ParsedSpans,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services.off_loop import MAX_IN_THREAD, MAX_INLINE
from pushserver.services.result_reading import UnreadResults
from pushserver.storage.command_rows import PIECE_SIZE
from pushserver.web.services import Services
from tests.services.driver import ServiceDriver

REFUSED = b'{"response":{"actions":[{"status":"denied"}]}}'
ERROR = b'[{"status":"denied"}]'


async def stored(services: Services) -> Result:
    """Return the only result that is stored."""
    (found,) = await services.store.results(
        DEFAULT_SCOPE_ID, after=0, limit=2, device_id=None, orphan=None
    )
    return found


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"response":{"a":1}}', ParsedResult(response=b'{"a":1}')),
        (b'{"response":"{\\"a\\":1}"}', ParsedResult(response=b'{"a":1}')),
        (b'{"error":"no",}', ParsedResult(error=b'"no"')),
        (b"what?", ParsedResult(unreadable=True)),
        (
            REFUSED,
            ParsedResult(
                response=REFUSED[len('{"response":') : -1], error=ERROR, refused=True
            ),
        ),
    ],
)
async def test_stored_with_the_result(
    driver: ServiceDriver, services: Services, body: bytes, parsed: ParsedResult
) -> None:
    """Lists, events and whoever shows a result take what was read when it came."""
    await driver.enqueue("execute_actions")
    await driver.receive_command("u1")

    await driver.post_result(body, "u1")

    result = await stored(services)
    assert (body, parsed) == (result.body, result.parsed_result)
    assert parsed == services.protocols.parse_result(result)


async def test_not_read_again(driver: ServiceDriver, services: Services) -> None:
    """What is stored is what is shown, whatever the body says."""
    posted = await driver.post_result(b'{"response":{"a":1}}')
    spans = ParsedSpans(error=(12, 19))
    await services.store.save_parsed([attrs.evolve(posted, parsed=spans)])

    shown = services.protocols.parse_result(await stored(services))

    assert ParsedResult(error=b'{"a":1}') == shown


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":{"a":1}}',
        b"\xff?",
        b'{"response":"{\\"a\\":1}"}',
        b'{"response":"{\\"a\\":\\"%s\\"}"}' % (b"x" * (PIECE_SIZE + 1)),
        REFUSED,
    ],
)
async def test_of_an_earlier_release(
    driver: ServiceDriver, services: Services, body: bytes
) -> None:
    """What an earlier release stored is read once, in the background."""
    posted = await driver.post_result(body, endpoint="execute_actions")
    unread = attrs.evolve(posted, parsed=None, mended=None)
    await services.store.save_parsed([unread])
    assert unread == await stored(services)
    shown_before = services.protocols.parse_result(unread)
    worker = UnreadResults(services.store, services.protocols)

    assert 1 == await worker.read_some()

    result = await stored(services)
    assert shown_before == result.parsed_result == posted.parsed_result
    assert 0 == await worker.read_some()


async def test_rejected_by_an_earlier_release(
    driver: ServiceDriver, services: Services
) -> None:
    """A result that an earlier release refused says why."""
    posted = await driver.post_result(b"", rejection="too large", complete=False)
    await services.store.save_parsed([attrs.evolve(posted, parsed=None, mended=None)])

    await UnreadResults(services.store, services.protocols).read_some()

    assert ParsedResult.rejected("too large") == (await stored(services)).parsed_result


@pytest.mark.parametrize(
    "size", [MAX_INLINE, MAX_INLINE + 1, MAX_IN_THREAD, MAX_IN_THREAD + 1]
)
async def test_of_any_size(
    driver: ServiceDriver, services: Services, size: int
) -> None:
    """A result says the same whether the loop, a thread or a process reads it."""
    (command,) = await driver.enqueue("load_objects")
    await driver.receive_command("u1")
    start, end = b'{"response":[NaN,"', b'"]}'
    text = b"x" * (size - len(start) - len(end))

    await driver.post_result(start + text + end, "u1")

    result = await stored(services)
    assert size == len(result.body)
    assert ParsedResult(response=b'[null,"' + text + b'"]') == result.parsed_result
    assert CommandState.SUCCESSFUL is await driver.command_state(command)


@pytest.mark.parametrize(
    ("excess", "state"), [(0, CommandState.SUCCESSFUL), (1, CommandState.TIMEOUT)]
)
async def test_too_long_to_judge(
    driver: ServiceDriver, excess: int, state: CommandState
) -> None:
    """
    Of a door's answer in which no refusal can be looked for, nobody knows what it says.
    """
    response = b'{"x":"' + b"x" * (MAX_SEARCHED - 8 + excess) + b'"}'
    (command,) = await driver.enqueue("execute_actions")
    await driver.receive_command("u1")

    posted = await driver.post_result(b'{"response":' + response + b"}", "u1")

    assert MAX_SEARCHED + excess == len(response)
    assert state is await driver.command_state(command)
    assert posted.parsed_result == (
        ParsedResult(unreadable=True) if excess else ParsedResult(response=response)
    )


def test_all_places_are_in_body_or_mended() -> None:
    """A place beyond the body is in what was mended."""
    located = LocatedResult(ParsedSpans(response=(3, 5)), b"[]")

    assert b"[]" == located.read(b"abc").response
