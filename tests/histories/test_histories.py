"""No command is a success without its device's word, and none strays."""

import pytest

from pushserver.web import server as web_server
from tests.clock import ManualClock
from tests.histories.history import History, Stop
from tests.web.local_server import TOKEN, LocalServer, running_server

#: So many seeds share a store; the proof takes a thousand.
BATCH = 50


@pytest.fixture(name="impatient", autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server that stops wait but a moment for an upload that stalls."""
    monkeypatch.setattr(web_server, "SHUTDOWN_BODY_WAIT", 0.05)


async def _create_scope(server: LocalServer, name: str) -> str:
    """Create a scope; return the token of a program in it."""
    answer = await server.api("POST", "/scopes", {"name": name})
    assert 201 == answer.status, answer.body
    token: str = answer.json()["token"]
    return token


async def _run(seed: int, database: str, clock: ManualClock) -> None:
    """Run the history of a seed, over as many servers as it stops, and one more."""
    history: History | None = None
    stop: Stop | None = Stop()
    while stop is not None:
        async with running_server(database, clock) as server:
            if history is None:
                other = await _create_scope(server, f"other-{seed}")
                history = History(seed, server, (TOKEN, other))
                await history.begin()
            history.server = server
            stop = await history.run()
        if stop is not None:
            await stop.expect_refusal()


@pytest.mark.parametrize(
    "seeds",
    [
        range(15),
        *(
            pytest.param(range(first, first + BATCH), marks=pytest.mark.proof)
            for first in range(0, 1_000, BATCH)
        ),
    ],
    ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}",
)
async def test_histories(seeds: range, database: str, clock: ManualClock) -> None:
    """
    Whatever devices and programs do, in whatever order: a command is a success only if
    its device said so, and no device is given what is not its own, or taken back.
    """
    for seed in seeds:
        try:
            await _run(seed, database, clock)
        except Exception as error:
            error.add_note(f"the history of seed {seed}")
            raise
