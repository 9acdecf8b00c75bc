"""What a server uses while it is idle is not part of a measurement."""

import os
import subprocess

import pytest

from bench.machine import family, processor_seconds
from bench.simulate.meter import CpuUsage
from bench.steps import StepRequest

pytestmark = pytest.mark.proof


def test_what_is_used_anyway_is_taken_away() -> None:
    """
    Half as long takes half as much by itself.
    """
    idle = CpuUsage(
        seconds=10.0, servers=[2.0, 4.0], writing=1.0, reading=6.0, rounds=0
    )
    used = CpuUsage(seconds=5.0, servers=[3.0, 2.0], writing=1.0, reading=4.0, rounds=7)
    left = used.minus(idle)

    assert [2.0, 0.0] == left.servers
    assert (0.5, 1.0) == (left.writing, left.reading)
    assert 1.5 == left.database
    assert 7 == left.rounds


def test_processor_time_is_read() -> None:
    """
    A process that works uses more and more.
    """
    before = processor_seconds(os.getpid())
    while os.times().user + os.times().system < before + 0.02:
        pass

    assert before < processor_seconds(os.getpid())


def test_workers_are_of_the_family() -> None:
    """
    What descends from a process is counted with it, and nothing else is.
    """
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: S607 - any program
        families = family(os.getpid()), family(child.pid)
        child.kill()

    assert [child.pid] == families[1]
    assert os.getpid() == families[0][0]
    assert child.pid in families[0]


def test_each_device_has_its_step() -> None:
    """
    A step is asked for each device, and its answer must be that of the step.
    """
    request = StepRequest(step="hand_out", devices=3, run=7)

    assert 3 == len(set(request.requests()))
    assert request.is_expected(200, b"... mark-7-4408801109440000 ...")
    assert not request.is_expected(200, b"... mark-6-4408801109440000 ...")
    assert not request.is_expected(200, b"")
