"""Many runs: how it goes as fleets grow, and what suits a fleet."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import attrs

from bench.measure import say
from bench.simulate.loads import loads
from bench.simulate.plan import Plan
from bench.simulate.run import Answer, is_hopeless, simulate
from bench.simulate.times import Times

SIZES = tuple(
    1000 * thousands
    for thousands in (1, 2, 5, 10, 20, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500)
)
#: Where it is only asked how far it goes, it is not asked of small ones.
LARGE = SIZES[5:]
PROCESSES = (1, 2, 4, 8, 16)
#: Plan for that share of a core.
HALF = 0.5
#: No process has more devices than that, whatever they do.
MOST = 10**7

#: The answers by processes and devices, up to where queues only grow.
Sweep = Mapping[int, Mapping[int, Answer]]


def sweeps(
    times: Times, likes: Sequence[tuple[Plan, Sequence[int]]]
) -> Sequence[Sweep]:
    """Return for each plan how it goes with more and more devices and processes."""
    tasks = [
        (attrs.evolve(like, processes=processes), sizes)
        for like, sizes in likes
        for processes in PROCESSES
    ]
    # What uses threads must not be forked.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=spawning) as pool:
        grown = list(pool.map(partial(_grown, times), *zip(*tasks, strict=True)))
    each = len(PROCESSES)
    return [
        dict(zip(PROCESSES, grown[at : at + each], strict=True))
        for at in range(0, len(grown), each)
    ]


def _grown(times: Times, like: Plan, sizes: Sequence[int]) -> Mapping[int, Answer]:
    found = {}
    for devices in sizes:
        plan = attrs.evolve(like, devices=devices)
        if is_hopeless(plan, times):
            break
        answer = simulate(plan, times)
        if not answer.is_steady:
            break
        found[devices] = answer
    say(f"  {like.processes} processes, {like.what}: up to {max(found):,} devices")
    return found


def devices_for(times: Times, like: Plan) -> int:
    """Return with how many devices one process is half busy."""
    return _largest(
        lambda n: loads(attrs.evolve(like, devices=n), times).process <= HALF
    )


def _largest(fits: Callable[[int], bool]) -> int:
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
