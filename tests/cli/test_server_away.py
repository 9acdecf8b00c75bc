"""Commands that wait for an unreachable server."""

import pytest

from pushserver.client import ApiError, Unreachable, backoff


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr(backoff, "INITIAL_BACKOFF", 0.001)


async def test_waits_and_says_so_once() -> None:
    """
    An unreachable server is asked again until it answers, and reported once.
    """
    answers = [Unreachable("No answer."), ApiError(503, {}), Unreachable("None."), 7]
    messages: list[str] = []

    async def ask() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert 7 == await backoff.retry_while_unreachable(ask, messages.append)
    assert ["No answer. Trying again."] == messages


async def test_a_refusal_is_final() -> None:
    """
    A request that the server refuses is not repeated.
    """

    async def ask() -> object:
        raise ApiError(404, {"detail": "There is no such task."})

    with pytest.raises(ApiError, match="no such task"):
        await backoff.retry_while_unreachable(ask)
