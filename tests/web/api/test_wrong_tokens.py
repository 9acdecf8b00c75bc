"""Wrong tokens over the wire: slow, and no reason to keep a right one waiting."""

import asyncio

import pytest
from structlog.testing import capture_logs

from pushserver.services.wrong_tokens import FREE_TRIES, MAX_WAITING
from tests.web.local_server import LocalServer, Response, wait_until
from tests.web.test_strangers import LIMIT, REQUESTS, ask

LOGIN = "/v1/authentication/user"


async def guess(server: LocalServer, number: int) -> Response:
    """Try a token: in a call of the API, or as a Kapua client's password."""
    if number % 2:
        return await server.api("GET", "/devices", token=f"guess-{number}")
    body = f'{{"username":"x","password":"guess-{number}"}}'.encode()
    headers = {"Content-Type": "application/json"}
    return await server.request("POST", LOGIN, data=body, headers=headers)


async def test_many(server: LocalServer) -> None:
    """
    Of many wrong tokens some are answered, and the rest are turned away; meanwhile a
    right one from the same address is answered before those that wait. The log says how
    many there were, and from where, and none of them.
    """
    ending = asyncio.Event()

    async def wait(_seconds: float) -> None:
        await ending.wait()

    server.services.wrong_tokens.sleep = wait
    guesses = [asyncio.create_task(guess(server, n)) for n in range(100)]
    await wait_until(lambda: sum(each.done() for each in guesses) == 100 - MAX_WAITING)
    answers = [each.result().status for each in guesses if each.done()]
    waiting = [each for each in guesses if not each.done()]
    right = await server.api("GET", "/devices")
    was_waiting = [task for task in waiting if not task.done()]
    ending.set()
    late = [answer.status for answer in await asyncio.gather(*waiting)]
    with capture_logs() as logs:
        await server.services.wrong_tokens.log_tries()

    assert 200 == right.status
    assert MAX_WAITING == len(was_waiting)
    assert FREE_TRIES == answers.count(401)
    assert 90 - MAX_WAITING == answers.count(429)
    assert [401] * MAX_WAITING == late
    assert [("tokens.wrong", "127.0.0.1", 100)] == [
        (line["event"], line["address"], line["count"]) for line in logs
    ]
    assert "guess" not in repr(logs)


async def test_none_is_no_guess(server: LocalServer) -> None:
    """
    A call without a token is refused at once, however many there are.
    """
    answers = [await server.api("GET", "/devices", token=None) for _ in range(30)]

    assert {401} == {answer.status for answer in answers}
    assert 0 == server.services.counts["tokens.wrong"]


async def test_turned_away(server: LocalServer) -> None:
    """
    Who is turned away is told when to come again.
    """
    guesses = [asyncio.create_task(guess(server, 1)) for _ in range(30)]
    answers = await asyncio.gather(*guesses)

    (one, *_) = [answer for answer in answers if answer.status == 429]
    assert (429, "too-many-wrong-tokens", None) == one.problem
    assert "1" == one.headers["Retry-After"]


@pytest.mark.parametrize("waiting", [0, MAX_WAITING], ids=["slow", "turned away"])
@pytest.mark.parametrize(("size", "answers"), [(LIMIT, 2), (LIMIT + 1, 1)])
async def test_its_body(
    server: LocalServer, waiting: int, size: int, answers: int
) -> None:
    """
    The body of a wrong token is a stranger's, however its answer came: after one over
    4 kB the connection is closed.
    """
    ending = asyncio.Event()

    async def wait(_seconds: float) -> None:
        await ending.wait()

    server.services.wrong_tokens.sleep = wait
    guesses = [
        asyncio.create_task(guess(server, 1)) for _ in range(FREE_TRIES + waiting)
    ]
    await wait_until(
        lambda: server.services.counts["tokens.wrong"] == FREE_TRIES + waiting
    )

    asking = asyncio.create_task(ask(server, REQUESTS["bad token"], size))
    await wait_until(
        lambda: server.services.counts["tokens.wrong"] > FREE_TRIES + waiting
    )
    if not waiting:
        ending.set()
    answer = await asking
    ending.set()
    await asyncio.gather(*guesses)

    assert answer.startswith(b"HTTP/1.1 429 " if waiting else b"HTTP/1.1 401 ")
    assert answers == answer.count(b"HTTP/1.1 ")
