"""What things cost: measured once, kept in a file with units, read from there."""

import enum
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs

FILE = Path(__file__).parents[1] / "service_times.json"
#: What one of a unit is, in seconds or bytes.
_UNITS: Mapping[str, float] = {"µs": 1e-6, "bytes": 1.0}


class InvalidTimesFile(Exception):
    """The file of service times lacks something, or has it in another unit."""


class CommandPhase(enum.StrEnum):
    """A part of what is done for a command: each has to be on the disk."""

    ENQUEUE = "enqueue"
    HAND_OUT = "hand_out"
    RESULT = "result"


@attrs.frozen
class Cost:
    """Seconds of a processor, at the server and in the database."""

    server: float
    database: float


def _time(what: str) -> Any:
    return attrs.field(metadata={"unit": "µs", "what": what})


def _size(what: str) -> Any:
    return attrs.field(metadata={"unit": "bytes", "what": what})


@attrs.frozen(kw_only=True)
class ServiceTimes:
    """
    Seconds and bytes.

    `_server` is processor time of a server, `_database` of PostgreSQL, `_wait` none of
    either. A round costs something by itself, and something for each step in it.
    """

    poll_server: float = _time("an idle poll, answered")
    hold_server: float = _time("a poll that is held, until it waits")
    unhold_server: float = _time("a held poll, answered empty when its time is over")
    round_server: float = _time("a round of the database, whatever is in it")
    round_database: float = _time("the same there")
    any_enqueue_server: float = _time("the first enqueue in a round, besides")
    any_enqueue_database: float = _time("the same there")
    any_hand_out_server: float = _time("the first hand-out in a round, besides")
    any_hand_out_database: float = _time("the same there")
    any_result_server: float = _time("the first result in a round, besides")
    any_result_database: float = _time("the same there")
    enqueue_server: float = _time("each enqueue, besides")
    enqueue_database: float = _time("the same there")
    hand_out_server: float = _time(
        "each poll that gets a command, and the record of it"
    )
    hand_out_database: float = _time("the same there")
    result_server: float = _time("each result, besides")
    result_database: float = _time("the same there")
    publish_server: float = _time(
        "publishing to other servers what was written, each time"
    )
    publish_database: float = _time("the same there, including one listener")
    notice_server: float = _time("a notice from another server, each time")
    seen_server: float = _time("writing that a device was seen")
    seen_database: float = _time("the same there")
    seen_notice_server: float = _time("a device that another server saw, each")
    seen_notice_database: float = _time("the same there")
    idle_server: float = _time("what a server does in a second without requests")
    idle_database: float = _time("the same there, for each server")
    sync_wait: float = _time("the disk syncs a commit: waiting, not processor time")
    door_wait: float = _time(
        "measured, not used: from an enqueue until a held device has it"
    )
    remote_door_wait: float = _time(
        "measured, not used: the same if another server holds it"
    )
    held_size: float = _size("memory of a held poll, with its connection")
    device_size: float = _size("memory of a device in each server")
    command_size: float = _size("a small command with delivery and result, on disk")

    @classmethod
    def from_json(cls, stored_times: Mapping[str, Mapping[str, Any]]) -> Self:
        """
        Read what `to_json` made.

        Raises:
            Unreadable: something is missing, too much, in another unit, or no number.
        """
        fields = attrs.fields_dict(cls)
        if stored_times.keys() != fields.keys():
            raise InvalidTimesFile(
                f"these differ: {sorted(stored_times.keys() ^ fields.keys())}"
            )
        values = {name: _read(fields[name], stored_times[name]) for name in fields}
        return cls(**values)

    def first_cost(self, step: CommandPhase) -> Cost:
        """Return what the first of its kind costs a round."""
        return Cost(
            getattr(self, f"any_{step}_server"), getattr(self, f"any_{step}_database")
        )

    def step_cost(self, step: CommandPhase) -> Cost:
        """Return what each costs, wherever it is."""
        return Cost(getattr(self, f"{step}_server"), getattr(self, f"{step}_database"))

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return the values with their units and what they are."""
        return {
            field.name: {
                "value": round(value / _UNITS[field.metadata["unit"]], 2),
                **field.metadata,
            }
            for field in attrs.fields(type(self))
            for value in (getattr(self, field.name),)
        }


def _read(field: Any, stored_times: Mapping[str, Any]) -> float:
    unit, value = field.metadata["unit"], stored_times.get("value")
    if stored_times.get("unit") != unit:
        raise InvalidTimesFile(
            f"{field.name} is in {stored_times.get('unit')}, not in {unit}"
        )
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InvalidTimesFile(f"{field.name} is {value!r}")
    return value * _UNITS[unit]


@attrs.frozen(kw_only=True)
class MeasuredTimes:
    """Times, with the day and the machine on which they were measured."""

    date: str
    machine: Mapping[str, str]
    rounds: int
    times: ServiceTimes


def read(path: Path = FILE) -> MeasuredTimes:
    """
    Read the file.

    Raises:
        Unreadable: it is not as `write` writes it.
    """
    whole = json.loads(path.read_text("utf-8"))
    if whole.keys() != {"date", "machine", "rounds", "times"}:
        raise InvalidTimesFile(f"{path.name} has {sorted(whole)}")
    return MeasuredTimes(**whole | {"times": ServiceTimes.from_json(whole["times"])})


def write(stored_times: MeasuredTimes, path: Path = FILE) -> None:
    """Write the file."""
    whole = attrs.asdict(stored_times, recurse=False) | {
        "times": stored_times.times.to_json()
    }
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", "utf-8")
