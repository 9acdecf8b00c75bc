"""The database is slow, silent or gone for a while: nothing promised is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import attrs
import pytest

from pushserver.client import Client
from tests.e2e.faulty_network import FaultyNetwork, database_refusing
from tests.e2e.steady_traffic import SteadyTraffic
from tests.e2e.traffic import check_promises
from tests.program import Program
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")
#: Makes the network fail for some seconds, and mends it.
Fault = Callable[[FaultyNetwork, float], Awaitable[None]]
#: No device of the crowd: those with which it is tried whether all is well.
PATIENTS = (901, 902)


async def calm(_network: FaultyNetwork, seconds: float) -> None:
    """Nothing happens."""
    await asyncio.sleep(seconds)


async def latency(network: FaultyNetwork, seconds: float) -> None:
    """Everything takes longer."""
    network.latency = 0.1
    await asyncio.sleep(seconds)
    network.latency = 0.0


async def reset(network: FaultyNetwork, seconds: float) -> None:
    """Connections break off, again and again."""
    for _ in range(round(seconds / 0.3)):
        network.reset()
        await asyncio.sleep(0.3)
    network.reset()


async def half_open(network: FaultyNetwork, _seconds: float) -> None:
    """Connections are gone at their far end alone."""
    network.drop_far_end()


async def blackholed(network: FaultyNetwork, _seconds: float) -> None:
    """Connections carry nothing any more, and both ends believe in them."""
    network.blackhole()


async def blackhole(network: FaultyNetwork, seconds: float) -> None:
    """Nothing arrives any more; at last all of it does."""
    network.flowing.clear()
    await asyncio.sleep(seconds)
    network.flowing.set()


async def restart(network: FaultyNetwork, seconds: float) -> None:
    """The database is started anew."""
    with database_refusing(network.database):
        await asyncio.sleep(seconds)


@attrs.define
class RecoveryProbe:
    """A device, and a program that tries at one server whether all is well again."""

    program: Program
    session: aiohttp.ClientSession
    device: int

    async def wait_until_healed(self, number: int) -> float:
        """Return the instant at which a whole command was done, once it is."""
        path = f"/api/v1/devices/{self.device}/commands"
        body = {"message": "x", "n": -number * 1000 - self.device}
        order = {"endpoint": "message_to_screen", "body": body}
        query = f"?deviceId={self.device}&uuid={number}"
        await self._until("GET", "/readyz")
        head = {"Idempotency-Key": f"{self.device} {number}"}
        await self._until("POST", path, headers=head, json=order)
        while not await self._until("GET", f"/push{query}"):
            pass
        await self._until("POST", f"/result{query}", json={"response": {}})
        return asyncio.get_running_loop().time()

    async def _until(self, method: str, path: str, **options: Any) -> bytes:
        """Call until it succeeds; return the body."""
        head = {"Authorization": f"Bearer {self.program.token}"}
        head |= options.pop("headers", {})
        url = self.program.url + path
        while True:
            async with self.session.request(
                method, url, headers=head, **options
            ) as got:
                body = await got.read()
            if got.ok:
                return body
            await asyncio.sleep(0.02)


@asynccontextmanager
async def two_servers(
    folder: Path, network: FaultyNetwork
) -> AsyncIterator[list[Program]]:
    """Have two servers behind the network for the length of the block."""
    programs = [Program(folder / name, network.url) for name in ("a", "b")]
    try:
        for program in programs:
            program.folder.mkdir()
            await asyncio.to_thread(program.start, grace=0.5)
        yield programs
    finally:
        for program in programs:
            await asyncio.to_thread(program.kill)


async def measure_recovery(
    network: FaultyNetwork,
    patients: Sequence[RecoveryProbe],
    faults: Sequence[tuple[Fault, float]],
) -> dict[str, float]:
    """Let the faults happen one by one; return how long it took to heal of each."""
    loop, took = asyncio.get_running_loop(), {}
    for number, (fault, seconds) in enumerate(faults):
        await fault(network, seconds)
        ended = loop.time()
        healed = await asyncio.gather(
            *(each.wait_until_healed(number) for each in patients)
        )
        took[f"{number} {fault.__name__} {seconds} s"] = max(healed) - ended
    return took


SHORT = [(reset, 0.3), (blackholed, 0.0), (blackhole, 1.0), (restart, 0.5)]
LONG = [
    (latency, 5.0),
    (calm, 3.0),
    (reset, 3.0),
    (calm, 3.0),
    (half_open, 0.0),
    (calm, 3.0),
    (blackholed, 0.0),
    (calm, 3.0),
    (blackhole, 1.0),
    (blackhole, 3.0),
    (blackhole, 12.0),
    (restart, 5.0),
]


@attrs.frozen(kw_only=True)
class Trial:
    """
    Faults, how many programs and devices call meanwhile, and how often these poll.

    `least`: polls a second. `healed`: seconds within which all is well again after each
    fault. Every day the machine may be busy: only what never heals is wrong then.
    """

    faults: Sequence[tuple[Fault, float]]
    programs: int
    devices: int
    least: int
    healed: float


@pytest.mark.parametrize(
    "trial",
    [
        pytest.param(
            Trial(faults=SHORT, programs=2, devices=40, least=5, healed=35.0),
            id="short",
        ),
        pytest.param(
            Trial(faults=3 * LONG, programs=8, devices=300, least=500, healed=5.0),
            id="long",
            marks=pytest.mark.proof,
        ),
    ],
)
async def test_nothing_lost(
    tmp_path: Path,
    database: str,
    trial: Trial,
    record_property: Callable[[str, object], None],
) -> None:
    """
    What two servers acknowledged stays true, nothing is handed out twice that may be
    handed out once, and they heal by themselves, the proof says within five seconds;
    all the while devices poll, there 500 times a second, and are answered.
    """
    connector = aiohttp.TCPConnector(limit=100)
    patience, loop = aiohttp.ClientTimeout(40), asyncio.get_running_loop()
    async with (
        FaultyNetwork.in_front_of(database) as network,
        two_servers(tmp_path, network) as programs,
        aiohttp.ClientSession(connector=connector, timeout=patience) as session,
    ):
        rng = Random(1)  # noqa: S311 - it must repeat
        crowd = SteadyTraffic(
            programs,
            session,
            rng,
            range(101, 101 + trial.devices),
            pause=0.1,
            # A connection that is idle for long is closed.
            rate=2.2 * trial.devices,
        )
        running = asyncio.create_task(crowd.run(trial.programs))
        await wait_until(lambda: len(crowd.answered) > 5)
        started_at, before = loop.time(), crowd.polls
        patients = [
            RecoveryProbe(program, session, device)
            for program, device in zip(programs, PATIENTS, strict=True)
        ]
        took = await measure_recovery(network, patients, trial.faults)
        rate = (crowd.polls - before) / (loop.time() - started_at)
        crowd.stop.set()
        await running
        record_property("heal", took)
        record_property("rate", rate)
        async with Client(programs[0].url, programs[0].token) as api:
            commands = await crowd.drain(api)

    assert {} == {name: t for name, t in took.items() if t > trial.healed}
    assert rate >= trial.least
    check_promises(crowd, commands)
    assert {200} == {s for (kind, s) in crowd.statuses if kind == "push"}
    assert {200, 503} >= {s for (kind, s) in crowd.statuses if kind == "result"}
    assert {200, 201, 503} >= {s for k, s in crowd.statuses if k == "commands"}
