"""Many runs: how it goes as fleets grow, and what suits a fleet."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import attrs

from bench.measure import print_progress
from bench.simulate.loads import compute_loads
from bench.simulate.plan import SimulationPlan
from bench.simulate.run import SimulationResult, exceeds_capacity, simulate
from bench.simulate.times import ServiceTimes

SIZES = tuple(
    1000 * thousands
    for thousands in (1, 2, 5, 10, 20, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500)
)
#: Where it is only asked how far it goes, it is not asked of small ones.
LARGE_SIZES = SIZES[5:]
PROCESSES = (1, 2, 4, 8, 16)
#: Plan for that share of a core.
TARGET_LOAD = 0.5
#: No process has more devices than that, whatever they do.
MAX_DEVICES = 10**7

#: The answers by processes and devices, up to where queues only grow.
Sweep = Mapping[int, Mapping[int, SimulationResult]]


def sweeps(
    times: ServiceTimes, base_plans: Sequence[tuple[SimulationPlan, Sequence[int]]]
) -> Sequence[Sweep]:
    """Return for each plan how it goes with more and more devices and processes."""
    tasks = [
        (attrs.evolve(like, processes=processes), sizes)
        for like, sizes in base_plans
        for processes in PROCESSES
    ]
    # What uses threads must not be forked.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=spawning) as pool:
        grown = list(
            pool.map(partial(_sweep_devices, times), *zip(*tasks, strict=True))
        )
    each = len(PROCESSES)
    return [
        dict(zip(PROCESSES, grown[at : at + each], strict=True))
        for at in range(0, len(grown), each)
    ]


def _sweep_devices(
    times: ServiceTimes, base_plan: SimulationPlan, sizes: Sequence[int]
) -> Mapping[int, SimulationResult]:
    results = {}
    for devices in sizes:
        plan = attrs.evolve(base_plan, devices=devices)
        if exceeds_capacity(plan, times):
            break
        answer = simulate(plan, times)
        if not answer.is_steady:
            break
        results[devices] = answer
    print_progress(
        f"  {base_plan.processes} processes, {base_plan.description}: up to"
        f" {max(results):,} devices"
    )
    return results


def devices_for(times: ServiceTimes, base_plan: SimulationPlan) -> int:
    """Return with how many devices one process is half busy."""
    return _largest(
        lambda n: (
            compute_loads(attrs.evolve(base_plan, devices=n), times).process
            <= TARGET_LOAD
        )
    )


def _largest(fits: Callable[[int], bool]) -> int:
    low, high = 1, MAX_DEVICES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
