"""Queues of the simulation wait as theory says."""

import math
import random
import statistics

import pytest
import simpy

from bench.simulate.queues import Cores, Disk, PolledCore, SimProcess

pytestmark = pytest.mark.proof


def _polled(rate: float, *seconds: float) -> PolledCore:
    """Return a core that was polled for a hundred seconds."""
    env = simpy.Environment()
    core = PolledCore(
        env,
        turn=1.0,
        rate=rate,
        seconds=seconds,
        between=(0.0, math.inf),
        chance=random.Random(1),  # noqa: S311 - no secret
    )
    env.run(100.0)
    return core


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_one_queue_waits_as_long_as_theory_says(load: float) -> None:
    """
    Random arrivals with a constant service time wait load / 2(1 - load) services.
    """
    core = _polled(load * 1000, 0.001)

    assert load == pytest.approx(core.booked / 100, rel=0.01)
    assert 0.001 * (1 + load / 2 / (1 - load)) == pytest.approx(
        statistics.fmean(core.waits), rel=0.03
    )


def test_polls_of_two_kinds_take_turns_by_chance() -> None:
    """
    As many take the one time as the other.
    """
    assert 0.4 == pytest.approx(_polled(200, 0.001, 0.003).booked / 100, rel=0.02)


def test_polls_that_came_before_are_served_first() -> None:
    """
    A request for a core waits for the polls that came before, and no later one.
    """
    core = _polled(2000, 0.001)
    before = core.waiting_time

    assert before > 40
    assert before + 0.5 == pytest.approx(core.book(0.5))


def test_what_is_booked_is_rate_times_service() -> None:
    """
    Cores are busy for what they were given, however many they are.
    """
    env, chance = simpy.Environment(), random.Random(1)  # noqa: S311 - no secret
    cores = Cores(env, 3, turn=1.0)

    def coming() -> SimProcess:
        while True:
            yield env.timeout(chance.expovariate(2000))
            cores.book(0.001)

    env.process(coming())
    env.run(20.0)

    assert 2.0 == pytest.approx(cores.booked / 20, rel=0.02)


def test_cores_work_side_by_side() -> None:
    """
    Two of three that come at once begin at once on two cores, the third after that.
    """
    cores = Cores(simpy.Environment(), 2, turn=1.0)

    assert [3.0, 3.0, 6.0] == [cores.book(3.0) for _ in range(3)]


def test_long_work_gives_way() -> None:
    """
    A job that arrives during long work waits only for its present turn.
    """
    env = simpy.Environment()
    cores = Cores(env, 1, turn=0.005)
    env.process(cores.work(0.05))
    env.run(0.007)

    assert 0.003 + 0.001 == pytest.approx(cores.book(0.001))


def test_long_work_is_done_in_the_end() -> None:
    """
    Turns add up to the work.
    """
    env = simpy.Environment()
    cores = Cores(env, 1, turn=0.005)
    env.process(cores.work(0.052))
    env.run()

    assert 0.052 == pytest.approx(env.now)


def test_a_slower_core_takes_longer() -> None:
    """
    A core of which something else has half takes twice as long.
    """
    cores = Cores(simpy.Environment(), 1, turn=1.0, speed=0.5)

    assert 0.002 == pytest.approx(cores.book(0.001))


def test_a_sync_is_shared_by_all_who_asked_before_it_began() -> None:
    """
    A request during a sync waits for the next one, which all that come until then
    share.
    """
    env = simpy.Environment()
    disk = Disk(env, 1.0)
    ends = []
    for at in (10.0, 10.2, 10.9, 11.5, 20.0):
        env.run(at)
        ends.append(at + disk.sync())

    assert [11.0, 12.0, 12.0, 13.0, 21.0] == pytest.approx(ends)
    assert 4 == disk.syncs
