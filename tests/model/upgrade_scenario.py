"""One device upgrade in memory, and the events it emits."""

from typing import Any, Self

import attrs
import msgspec

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery
from pushserver.model.event import EventType
from pushserver.model.event_payload import UpgradeResultPayload, UpgradeStatePayload
from pushserver.model.in_flight import InFlight
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.transitions import apply_result, give_up_in_flight
from pushserver.model.upgrade import DeviceUpgrade, Upgrade
from tests.clock import START
from tests.model.events import ALL_EVENTS
from tests.model.factories import new_id, result
from tests.model.operation_scenario import OperationScenario, operation

TARGET, OLD = "2.0", "1.0"
#: What a device says of itself.
NEW_VERSION_BODY, OLD_VERSION_BODY = b'{"version":"2.0"}', b'{"version":"1.0"}'
NOTHING = b"{}"
#: The states that a device upgrade goes through that gets to its last step.
PATH = ["downloading", "downloaded", "updating", "idle"]


def upgrade(**overrides: Any) -> Upgrade:
    """Return the terms of an upgrade; `seconds` are its apply timeout's."""
    seconds = overrides.pop("seconds", 900)
    defaults: dict[str, Any] = {
        "target_version": TARGET,
        "version_pointer": "/version",
        "download_steps": 1,
        "apply_steps": 1,
        "apply_timeout": seconds * SECOND,
    }
    return Upgrade(**{**defaults, **overrides})


def success_result(body: bytes) -> ParsedResult:
    """Return a parsed success with this response."""
    return ParsedResult(response=body)


def error_result(text: bytes = b'"no"', code: bytes | None = None) -> ParsedResult:
    """Return a parsed failure."""
    return ParsedResult(error=text, code=code)


@attrs.define
class UpgradeScenario(OperationScenario):
    """The upgrade of one device."""

    @classmethod
    def of(cls, **overrides: Any) -> Self:
        """Return a device upgrade that has not started; *overrides* are its terms."""
        terms = upgrade(**overrides)
        device_upgrade = DeviceUpgrade(upgrade=terms)
        created = operation(
            step_count=terms.verify_step + 1, task_id=77, device_upgrade=device_upgrade
        )
        return cls(created, changes=Changes(new_id, START, ALL_EVENTS))

    @property
    def device_upgrade(self) -> DeviceUpgrade:
        """Return the device upgrade."""
        assert self.operation.device_upgrade is not None
        return self.operation.device_upgrade

    def post_parsed(
        self, parsed: ParsedResult, command: Command, delivery: Delivery
    ) -> None:
        """Post a parsed result of a delivery."""
        posted = result(received_at=self.now)
        apply_result(
            self.lane,
            command,
            delivery,
            self.changes,
            result=posted,
            parsed_result=parsed,
        )

    def run_step_with(
        self, answer_with: bytes | ParsedResult = b"{}", **overrides: Any
    ) -> InFlight:
        """Queue the next step, hand it out and answer it."""
        in_flight = self.deliver_step(**overrides)
        parsed = (
            answer_with
            if isinstance(answer_with, ParsedResult)
            else success_result(answer_with)
        )
        self.post_parsed(parsed, in_flight.command, in_flight.delivery)
        return in_flight

    def deliver_step(self, **overrides: Any) -> InFlight:
        """Queue the next step, and hand it out when its time has come."""
        command = self.start_next_step(**overrides)
        self.now = max(self.now, command.scheduled_at)
        return self.poll_command()

    def leave_step_unanswered(self) -> InFlight:
        """Queue the next step and hand it out, without an answer."""
        in_flight = self.deliver_step()
        give_up_in_flight(self.lane, self.changes, now=self.now)
        return in_flight

    def run_up_to_verify(self) -> Self:
        """Let every step but the last succeed."""
        self.run_step_with(OLD_VERSION_BODY)
        while self.operation.queued_steps < self.device_upgrade.upgrade.verify_step:
            self.run_step_with()
        return self

    @property
    def emitted(self) -> list[str]:
        """Return the events: states, and how it ended with which code."""
        return [_event_words(each.type, each.data) for each in self._events]

    @property
    def result(self) -> UpgradeResultPayload:
        """Return the one result that was emitted."""
        (only,) = (e for e in self._events if e.type is EventType.UPGRADE_RESULT)
        return msgspec.json.decode(only.data, type=UpgradeResultPayload)

    @property
    def _events(self) -> list[Any]:
        return [e for e in self.changes.events if e.type.startswith("upgrade")]


def _event_words(kind: EventType, data: bytes) -> str:
    if kind is EventType.UPGRADE_STATE:
        return msgspec.json.decode(data, type=UpgradeStatePayload).state
    payload = msgspec.json.decode(data, type=UpgradeResultPayload)
    return "SUCCESS" if payload.success else f"FAIL {payload.error_code}"
