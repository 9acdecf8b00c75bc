"""Service times are read with their units, or not at all."""

import json
import math
from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.simulate import times
from bench.simulate.times import FILE, CommandPhase, InvalidTimesFile
from tests.bench.factories import some_times

pytestmark = pytest.mark.proof


@pytest.fixture
def stored_times() -> dict[str, Any]:
    """Return what the repository has."""
    whole: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return whole


def _read(tmp_path: Path, stored_times: dict[str, Any]) -> times.MeasuredTimes:
    path = tmp_path / "times.json"
    path.write_text(json.dumps(stored_times), "utf-8")
    return times.read(path)


def test_what_the_repository_has_is_read() -> None:
    """
    A poll takes between a microsecond and a millisecond, not seconds.
    """
    read = times.read()

    assert 1e-6 < read.times.poll_server < 1e-3
    assert 100 < read.times.device_size < 10_000
    assert read.date
    assert "processor" in read.machine


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "ms"},
        {"unit": "bytes"},
        {"value": -1.0},
        {"value": math.nan},
        {"value": "3"},
        {"value": None},
    ],
)
def test_what_is_in_another_unit_is_refused(
    tmp_path: Path, stored_times: dict[str, Any], wrong: dict[str, Any]
) -> None:
    """
    Nothing is taken for what it is not.
    """
    stored_times["times"]["poll_server"] |= wrong
    with pytest.raises(InvalidTimesFile):
        _read(tmp_path, stored_times)


@pytest.mark.parametrize("name", ["sync_wait", "something_else"])
def test_what_is_missing_or_unknown_is_refused(
    tmp_path: Path, stored_times: dict[str, Any], name: str
) -> None:
    """
    A time that nobody measured is not taken for nothing.
    """
    if stored_times["times"].pop(name, None) is None:
        stored_times["times"][name] = {"value": 1.0, "unit": "µs"}
    with pytest.raises(InvalidTimesFile):
        _read(tmp_path, stored_times)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """
    Writing and reading lose nothing that matters.
    """
    path = tmp_path / "times.json"
    written = times.MeasuredTimes(
        date="2026-01-02",
        machine={"cores": "2"},
        rounds=3,
        times=some_times(poll_server=0.000_06, held_size=12_000.0),
    )
    times.write(written, path)
    read = times.read(path)

    assert written.times.to_json() == read.times.to_json()
    assert attrs.evolve(written, times=read.times) == read


def test_each_step_has_its_costs() -> None:
    """
    Steps find their own.
    """
    found = some_times(hand_out_server=1.0, any_result_database=2.0)

    assert times.Cost(1.0, 0.0) == found.step_cost(CommandPhase.HAND_OUT)
    assert times.Cost(0.0, 2.0) == found.first_cost(CommandPhase.RESULT)
