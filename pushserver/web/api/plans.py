"""What operations, tasks and upgrades are asked for, read."""

from collections.abc import Sequence

import msgspec

from pushserver.clock import micros
from pushserver.errors import Invalid
from pushserver.model.draft import Draft, Plan
from pushserver.model.ids import parse_int64
from pushserver.model.operation import STEPS, Label
from pushserver.model.target import Targets
from pushserver.model.task import FailureLimit
from pushserver.model.upgrade import APPLY_TIMEOUT, is_pointer
from pushserver.services.tasks import Pace
from pushserver.services.upgrades import Phases, Wanted
from pushserver.web.api.drafts import read_instant, read_step, read_steps
from pushserver.web.api.shadow_types import ShadowsIn
from pushserver.web.api.tracking_types import OperationIn, StepIn, TargetsIn, TaskIn
from pushserver.web.api.upgrade_types import PhasesIn, PolicyIn, UpgradeIn


def read_plan(wanted: OperationIn | TaskIn) -> Plan:
    """
    Read the steps, and how the whole is called.

    Raises:
        Invalid: a field is wrong; the pointer names it.
    """
    drafts = read_steps(wanted.steps)
    properties = wanted.properties
    label = Label(
        resource=wanted.resource or _resource(drafts),
        action=wanted.action,
        app_id=wanted.app_id,
        properties=None
        if properties is None
        else msgspec.json.encode(properties).decode(),
    )
    return Plan(drafts=drafts, label=label, on_failure=wanted.on_failure)


def _resource(drafts: list[Draft]) -> str:
    """Return what an operation is called that was given no name of its own."""
    if not drafts:
        return "operation"
    return drafts[0].resource or drafts[0].order.endpoint


def read_device_id(given: int | str, pointer: str = "/deviceId") -> int:
    """
    Read a device's id, a number or digits.

    Raises:
        Invalid: it is no non-negative int64.
    """
    return parse_int64(str(given), what="deviceId", pointer=pointer)


def read_targets(wanted: TargetsIn) -> Targets:
    """
    Read which devices are meant.

    Raises:
        Invalid: not exactly one way to choose them is given.
    """
    ways = (wanted.device_ids is not None, bool(wanted.tags), wanted.all is True)
    if sum(ways) != 1:
        raise Invalid(
            "targets needs exactly one of deviceIds, tags (not empty) and all: true.",
            pointer="/targets",
        )
    if wanted.device_ids is None:
        return Targets(tags=wanted.tags)
    return Targets(
        device_ids=[
            read_device_id(given, f"/targets/deviceIds/{place}")
            for place, given in enumerate(wanted.device_ids)
        ]
    )


def read_pace(wanted: TaskIn | ShadowsIn | PolicyIn, under: str = "") -> Pace:
    """
    Read how fast a task goes; *under* is the pointer to that.

    Raises:
        Invalid: the limit of failures is neither a number nor a percentage.
    """
    expires_in = wanted.expires_in
    return Pace(
        concurrency=wanted.concurrency,
        stop_after=_limit(wanted.stop_after_failures, under),
        expires_in=None if expires_in is None else micros(expires_in),
    )


def _limit(given: int | str | None, under: str) -> FailureLimit | None:
    if given is None:
        return None
    try:
        return FailureLimit.read(str(given))
    except ValueError:
        raise Invalid(
            "stopAfterFailures must be a number from 1, or a percentage as '5%'.",
            pointer=f"{under}/stopAfterFailures",
        ) from None


def read_upgrade(wanted: UpgradeIn) -> Wanted:
    """
    Read an upgrade.

    Raises:
        Invalid: a field is wrong; the pointer names it.
    """
    policy, timeout = wanted.policy, wanted.policy.apply_timeout
    return Wanted(
        target_version=wanted.target_version,
        phases=_phases(wanted.phases),
        pace=read_pace(policy, "/policy"),
        retries=policy.retries,
        apply_timeout=APPLY_TIMEOUT if timeout is None else max(1, micros(timeout)),
        not_before=read_instant(policy.not_before, "/policy/notBefore"),
        name=wanted.name,
    )


def _phases(wanted: PhasesIn) -> Phases:
    if len(wanted.download) + len(wanted.apply) + 2 > STEPS:
        raise Invalid(
            f"Download and apply may have {STEPS - 2} commands in all.",
            pointer="/phases",
        )
    pointer = wanted.verify.version_pointer
    if not is_pointer(pointer):
        raise Invalid(
            "versionPointer must be a JSON Pointer (RFC 6901), as /version.",
            pointer="/phases/verify/versionPointer",
        )
    return Phases(
        download=_phase("download", wanted.download),
        apply=_phase("apply", wanted.apply),
        verify=read_step(wanted.verify.command, "/phases/verify/command"),
        pointer=pointer,
    )


def _phase(name: str, steps: Sequence[StepIn]) -> Sequence[Draft]:
    if not steps:
        raise Invalid(
            f"The phase {name} needs at least one command.", pointer=f"/phases/{name}"
        )
    return read_steps(steps, f"/phases/{name}")
