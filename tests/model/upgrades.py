"""A device that is upgraded, told in short words, and what is told of it."""

from typing import Any, Self

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut
from pushserver.model.event import EventType, UpgradeResultTold, UpgradeStateTold
from pushserver.model.lane import Flight
from pushserver.model.reading import Reading
from pushserver.model.turns import answered, give_up
from pushserver.model.upgrade import Part, Upgrade
from tests.model.events import EVERYTHING
from tests.model.values import new_id, result
from tests.model.work import Work, operation

TARGET, OLD = "2.0", "1.0"
#: What a device says of itself.
NEW_SAID, OLD_SAID = b'{"version":"2.0"}', b'{"version":"1.0"}'
NOTHING = b"{}"
#: The states that a part goes through that gets to its last step.
PATH = ["downloading", "downloaded", "updating", "idle"]


def upgrade(**given: Any) -> Upgrade:
    """Return the terms of an upgrade; `seconds` are its apply timeout's."""
    seconds = given.pop("seconds", 900)
    usual: dict[str, Any] = {
        "target_version": TARGET,
        "pointer": "/version",
        "downloads": 1,
        "applies": 1,
        "apply_timeout": seconds * SECOND,
    }
    return Upgrade(**{**usual, **given})


def response(said: bytes) -> Reading:
    """Return what a device said that has not failed."""
    return Reading(response=said)


def error(text: bytes = b'"no"', code: bytes | None = None) -> Reading:
    """Return what a device said that has failed."""
    return Reading(error=text, code=code)


@attrs.define
class UpgradeWork(Work):
    """A device's part of an upgrade."""

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Return a part that has not begun; *given* are the terms."""
        terms = upgrade(**given)
        part = Part(upgrade=terms)
        made = operation(steps=terms.last + 1, task_id=77, upgrade=part)
        return cls(made, changes=Changes(new_id, EVERYTHING))

    @property
    def part(self) -> Part:
        """Return the part."""
        assert self.operation.upgrade is not None
        return self.operation.upgrade

    def say(self, reading: Reading, command: Command, of: HandOut) -> None:
        """Let a device say something of a command."""
        came = result(received_at=self.now)
        answered(self.lane, command, of, self.changes, result=came, reading=reading)

    def step(self, said: bytes | Reading = b"{}", **given: Any) -> Flight:
        """Let the next step be queued, handed out and answered."""
        flight = self.hand_out(**given)
        reading = said if isinstance(said, Reading) else response(said)
        self.say(reading, flight.command, flight.delivery)
        return flight

    def hand_out(self, **given: Any) -> Flight:
        """Let the next step be queued, and handed out when its time has come."""
        command = self.queue(**given)
        self.now = max(self.now, command.planned_at)
        return self.poll()

    def silence(self) -> Flight:
        """Let the next step be queued and handed out, and never be answered."""
        flight = self.hand_out()
        give_up(self.lane, self.changes, now=self.now)
        return flight

    def applied(self) -> Self:
        """Let everything up to the last step succeed."""
        self.step(OLD_SAID)
        while self.operation.queued < self.part.upgrade.last:
            self.step()
        return self

    @property
    def heard(self) -> list[str]:
        """Return what was told: states, and how it ended with which code."""
        return [_word(each.type, each.data) for each in self._events]

    @property
    def result(self) -> UpgradeResultTold:
        """Return the one result that was told."""
        (only,) = (e for e in self._events if e.type is EventType.UPGRADE_RESULT)
        return msgspec.json.decode(only.data, type=UpgradeResultTold)

    @property
    def _events(self) -> list[Any]:
        return [e for e in self.changes.events if e.type.startswith("upgrade")]


def _word(kind: EventType, data: bytes) -> str:
    if kind is EventType.UPGRADE_STATE:
        return msgspec.json.decode(data, type=UpgradeStateTold).state
    told = msgspec.json.decode(data, type=UpgradeResultTold)
    return "SUCCESS" if told.success else f"FAIL {told.error_code}"
