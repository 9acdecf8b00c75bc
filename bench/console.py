"""What the console and the metrics cost a server's processor, and devices.

    python -m bench.console [--rounds 3]

How much of its core the server spends on 200 open consoles, which fetch their page as
often as its stream says, while devices poll and commands go through: the processor
time of the same operations without them, before and after, is taken off. The same of a
scrape of `/metrics` a second. And what it takes to show lists of 10,000 devices and
of 1,000,000 commands.
"""

import argparse
import asyncio
import contextlib
import itertools
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import attrs

from bench import machine, prefill
from bench.measure import print_progress
from bench.servers import RunningServer, ServerKind, ServerSetup, running
from bench.simulate.step_client import StepClient, step_client
from bench.wire import HOST, TOKEN

CONSOLES, SCRAPE_INTERVAL = 200, 1.0
#: For how long each side of a pair is measured: consoles come back within 60 s.
_SECONDS, _DEVICES = 65.0, 500
_OPERATIONS: Mapping[str, tuple[Sequence[str], int]] = {
    "idle polls": (("poll",), 40),
    "cycles": (("enqueue", "hand_out", "result"), 1),
}
_RUNS = itertools.count()
_LISTED_DEVICES, _LISTED_COMMANDS = 10_000, 1_000_000
_LISTS = (
    "/console/devices",
    "/console/devices?q=4784",
    "/console/commands",
    "/console/commands?state=FAILED",
    "/api/v1/devices?limit=100",
    "/api/v1/devices?limit=100&sort=-lastSeenAt",
    "/api/v1/commands?limit=100",
    "/console",
)
Background = Callable[[aiohttp.ClientSession], Coroutine[Any, Any, None]]


async def _show_console(session: aiohttp.ClientSession) -> None:
    """Show the overview, as long as nobody closes it."""
    async with session.get("/console") as page:
        topics = set(re.findall(r'data-live="([^"]+)"', await page.text()))
    query = ",".join(sorted({name for each in topics for name in each.split()}))
    async with session.get(f"/console/live?topics={query}") as stream:
        live_round = ""
        async for line in stream.content:
            if line.startswith(b"id: "):
                live_round = line[4:].strip().decode()
            if line.startswith(b"event: changed"):
                headers = {"HX-Request": "true", "Live-Round": live_round}
                async with session.get("/console", headers=headers) as page:
                    await page.read()


async def show_one_console(session: aiohttp.ClientSession) -> None:
    """Sign in and show the overview, as long as nobody closes it."""
    await _sign_in(session)
    await _show_console(session)


async def _sign_in(session: aiohttp.ClientSession) -> None:
    form = {"token": TOKEN}
    same_site = {"Sec-Fetch-Site": "same-origin"}
    async with session.post(
        "/console/sign-in", data=form, headers=same_site, allow_redirects=False
    ) as signed_in:
        session.headers["Cookie"] = signed_in.headers["Set-Cookie"].partition(";")[0]


async def _show_consoles(session: aiohttp.ClientSession) -> None:
    await _sign_in(session)
    async with asyncio.TaskGroup() as consoles:
        for _ in range(CONSOLES):
            consoles.create_task(_show_console(session))


async def _scrape(session: aiohttp.ClientSession) -> None:
    while True:
        async with session.get("/metrics") as answer:
            await answer.read()
        await asyncio.sleep(SCRAPE_INTERVAL)


@contextlib.contextmanager
def in_background(work: Background, server: RunningServer) -> Iterator[None]:
    """Do *work* in a thread for the length of the block."""
    started, loop = threading.Event(), asyncio.new_event_loop()

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            f"http://{HOST}:{server.port}", connector=connector
        ) as session:
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            task = asyncio.ensure_future(work(session))
            await asyncio.wait([task], timeout=3)
            started.set()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    main = loop.create_task(run())
    thread = threading.Thread(target=loop.run_until_complete, args=(main,))
    thread.start()
    started.wait()
    if main.done():
        main.result()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(_cancel_all, loop, main)
        thread.join()
        loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop, main: asyncio.Task[None]) -> None:
    for task in asyncio.all_tasks(loop) - {main}:
        task.cancel()


@attrs.define
class Cost:
    """What operations took: the server's processor, and time, both in seconds."""

    processor: float = 0.0
    count: int = 0
    time: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """Return what both took."""
        return Cost(
            self.processor + other.processor,
            self.count + other.count,
            self.time + other.time,
        )

    def share_beyond(self, alone: "Cost") -> float:
        """Return which part of the core went to something else than operations."""
        expected = self.count * alone.processor / alone.count
        return (self.processor - expected) / self.time


def costs(server: RunningServer, client: StepClient) -> Mapping[str, Cost]:
    """Return what operations cost that go on for `_SECONDS`."""
    found = {name: Cost() for name in _OPERATIONS}
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        for name, (steps, times) in _OPERATIONS.items():
            run, began = next(_RUNS), time.monotonic()
            before, cost = machine.processor_seconds(server.process_id), found[name]
            for step in steps:
                client.run_step(step, devices=_DEVICES, run=run, times=times)
            cost.processor += machine.processor_seconds(server.process_id) - before
            cost.count += _DEVICES * times
            cost.time += time.monotonic() - began
    return found


def compare(
    folder: Path, work: Background, rounds: int
) -> Mapping[str, Sequence[float]]:
    """Return which part of the core *work* takes from idle polls and from cycles."""
    shares: dict[str, list[float]] = {name: [] for name in _OPERATIONS}
    setup = ServerSetup(kind=ServerKind.OURS, database=folder / f"{work.__name__}.db")
    with running(setup) as server, step_client(server) as client:
        server.import_devices(_DEVICES)
        costs(server, client)
        before = costs(server, client)
        for run in range(1, rounds + 1):
            with in_background(work, server):
                beside = costs(server, client)
            after = costs(server, client)
            for name, cost in beside.items():
                # The more there is in the database, the more each cycle takes.
                alone = before[name].plus(after[name])
                shares[name].append(100 * cost.share_beyond(alone))
            print_progress(f"  round {run} of {rounds}: {before} {beside} {after}")
            before = after
    return shares


def show_lists(folder: Path, rounds: int) -> Mapping[str, Sequence[float]]:
    """Return what each list takes of the processor, in milliseconds."""
    setup = ServerSetup(kind=ServerKind.OURS, database=folder / "lists.db")
    with running(setup):
        pass
    prefill.fill(
        setup.database, devices=_LISTED_DEVICES, finished=_LISTED_COMMANDS, pending=0
    )
    with running(setup) as server:
        return asyncio.run(_time_lists(server, rounds))


async def _time_lists(
    server: RunningServer, rounds: int
) -> Mapping[str, Sequence[float]]:
    took: dict[str, list[float]] = {path: [] for path in _LISTS}
    async with aiohttp.ClientSession(f"http://{HOST}:{server.port}") as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        await _sign_in(session)
        for _ in range(rounds):
            for path in _LISTS:
                before = machine.processor_seconds(server.process_id)
                async with session.get(path) as answer:
                    await answer.read()
                    answer.raise_for_status()
                spent = machine.processor_seconds(server.process_id) - before
                took[path].append(spent * 1000)
    return took


def _print(name: str, values: Sequence[float], unit: str) -> None:
    low, middle, high = min(values), statistics.median(values), max(values)
    sys.stdout.write(f"{name:44} {middle:8.1f} {unit} ({low:.1f} to {high:.1f})\n")


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    machine.allow_open_files()
    with machine.folder_on_disk() as folder:
        for path, took in show_lists(folder, rounds).items():
            _print(path, took, "ms")
        for work, name in ((_show_consoles, "200 consoles"), (_scrape, "scrapes")):
            for step, shares in compare(folder, work, rounds).items():
                _print(f"{name}, beside {step}", shares, "% of the core")


if __name__ == "__main__":
    main()
