"""Whole runs: what they say is what was put in."""

import math

import attrs
import pytest

from bench.simulate.loads import compute_loads
from bench.simulate.plan import SimulationPlan
from bench.simulate.run import exceeds_capacity, simulate
from bench.simulate.times import read
from tests.bench.factories import some_times

pytestmark = pytest.mark.proof

#: Few devices with many commands: that takes the least time to simulate.
POLLED = SimulationPlan(devices=1000, period=5.0, commands_per_hour=40)
HELD = SimulationPlan(devices=1000, period=25.0, holds_polls=True, commands_per_hour=40)


@pytest.mark.parametrize(
    "plan",
    [
        attrs.evolve(like, processes=processes, commands_per_hour=10)
        for like in (POLLED, HELD)
        for processes in (1, 3)
    ],
)
def test_how_busy_it_is_agrees_with_arithmetic(plan: SimulationPlan) -> None:
    """
    With little sharing, everything is as busy as rates times costs say.
    """
    times = read().times
    answer, computed = simulate(plan, times), compute_loads(plan, times)

    assert computed.process == pytest.approx(answer.process_load, rel=0.12)
    assert computed.database == pytest.approx(answer.database_load * 2, rel=0.12)


def test_the_same_seed_makes_the_same_answer() -> None:
    """
    Chance is the same for the same seed, and another for another.
    """
    times = read().times
    first, again = simulate(HELD, times, seed=3), simulate(HELD, times, seed=3)

    assert first == again
    assert first != simulate(HELD, times, seed=4)


def test_a_door_waits_for_what_it_needs_and_nothing_else() -> None:
    """
    With nobody else, a held door takes its round: processor, sync, and the answer.
    """
    times = some_times(
        enqueue_server=0.004,
        hand_out_server=0.006,
        round_server=0.010,
        round_database=0.020,
        any_enqueue_database=0.100,
        any_hand_out_database=0.200,
        sync_wait=0.050,
    )
    answer = simulate(attrs.evolve(HELD, devices=100, commands_per_hour=10), times)

    # The program gets its reply on the same core while the device is answered.
    expected = 0.002 + 0.010 + 0.020 + 0.300 + 0.050 + 0.003 + 0.002
    assert expected == pytest.approx(answer.door_latency.p50, abs=0.003)


def test_a_door_of_a_device_that_polls_waits_for_the_poll() -> None:
    """
    Half a period in the middle, a whole one at the worst.
    """
    answer = simulate(POLLED, some_times(poll_server=0.0001))

    assert 2.5 == pytest.approx(answer.door_latency.p50, rel=0.1)
    assert 4.95 == pytest.approx(answer.door_latency.p99, rel=0.02)


@pytest.mark.parametrize(
    ("processes", "seen"), [(1, "door_wait"), (2, "remote_door_wait")]
)
def test_doors_take_as_long_as_was_seen(processes: int, seen: str) -> None:
    """
    Few doors at a time take about what was measured when few were sent.

    Of two processes, half of the devices are held where the command comes in.
    """
    times = read().times
    answer = simulate(
        attrs.evolve(HELD, processes=processes, commands_per_hour=4), times
    )
    took = answer.door_latency.p50 if processes == 1 else answer.door_latency.p99

    assert 1.0 == pytest.approx(math.log2(took / getattr(times, seen)) + 1, abs=1.0)


def test_commands_that_come_at_once_share_rounds() -> None:
    """
    A process whose core is saturated goes on, with more in each round.
    """
    times = read().times
    busy = simulate(attrs.evolve(HELD, commands_per_hour=1500), times)

    assert 1.0 == pytest.approx(simulate(HELD, times).steps_per_round, abs=0.2)
    assert busy.steps_per_round > 1.2
    assert busy.is_steady


def test_too_much_is_seen() -> None:
    """
    With more load than can be served, nothing is reported as steady.
    """
    times = some_times(poll_server=0.005)
    full = attrs.evolve(POLLED, devices=1100)

    assert exceeds_capacity(full, times)
    assert not simulate(full, times).is_steady


def test_a_task_makes_doors_wait() -> None:
    """
    The more devices work at once, the sooner a task is over, and the longer doors take.
    """
    times = read().times
    none, few, many = (
        simulate(attrs.evolve(HELD, commands_per_hour=200, concurrency=at_once), times)
        for at_once in (0, 3, 30)
    )

    assert 0 == none.task_rate
    assert none.task_rate < few.task_rate < many.task_rate
    assert none.door_latency.p50 < many.door_latency.p50
