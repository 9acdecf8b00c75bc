"""What operations and tasks are asked for, read."""

import msgspec

from pushserver.clock import micros
from pushserver.errors import Invalid
from pushserver.model.draft import Draft, Plan
from pushserver.model.ids import parse_int64
from pushserver.model.operation import Label
from pushserver.model.target import Targets
from pushserver.model.task import FailureLimit
from pushserver.services.tasks import Pace
from pushserver.web.api.drafts import read_steps
from pushserver.web.api.shadow_types import ShadowsIn
from pushserver.web.api.tracking_types import OperationIn, TargetsIn, TaskIn


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


def read_pace(wanted: TaskIn | ShadowsIn) -> Pace:
    """
    Read how fast a task goes.

    Raises:
        Invalid: the limit of failures is neither a number nor a percentage.
    """
    expires_in = wanted.expires_in
    return Pace(
        concurrency=wanted.concurrency,
        stop_after=_limit(wanted.stop_after_failures),
        expires_in=None if expires_in is None else micros(expires_in),
    )


def _limit(given: int | str | None) -> FailureLimit | None:
    if given is None:
        return None
    try:
        return FailureLimit.read(str(given))
    except ValueError:
        raise Invalid(
            "stopAfterFailures must be a number from 1, or a percentage as '5%'.",
            pointer="/stopAfterFailures",
        ) from None
