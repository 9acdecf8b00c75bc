"""Request bodies of operations, tasks and upgrades as the services take them."""

import msgspec

from pushserver.clock import micros
from pushserver.errors import Invalid
from pushserver.model.command_request import CommandRequest, OperationRequest
from pushserver.model.labels import check_label_size
from pushserver.model.operation import OperationDescriptor
from pushserver.model.target import TargetSelector
from pushserver.model.task import FailureLimit
from pushserver.model.upgrade import DEFAULT_APPLY_TIMEOUT, is_json_pointer
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.off_loop import in_pieces
from pushserver.services.task_creation import RolloutPolicy
from pushserver.services.upgrades import UpgradeCommands, UpgradeRequest
from pushserver.web.api.command_parsing import (
    parse_duration,
    parse_instant,
    parse_step,
    parse_steps,
)
from pushserver.web.api.operation_types import OperationIn
from pushserver.web.api.shadow_types import ShadowsIn
from pushserver.web.api.task_types import TargetsIn, TaskIn
from pushserver.web.api.upgrade_types import (
    MAX_PHASE_STEPS,
    PhasesIn,
    PolicyIn,
    UpgradeIn,
)


def parse_operation_request(
    body: OperationIn | TaskIn, protocol: DeviceProtocol
) -> OperationRequest:
    """
    Return the steps and the description of an operation.

    Raises:
        Invalid: a field is wrong; the pointer names it.
    """
    requests = parse_steps(body.steps, protocol)
    properties = body.properties
    check_label_size(properties or {}, "/properties")
    descriptor = OperationDescriptor(
        resource=body.resource or _default_resource(requests),
        action=body.action,
        app_id=body.app_id,
        properties=None
        if properties is None
        else msgspec.json.encode(properties).decode(),
    )
    return OperationRequest(
        step_requests=requests, label=descriptor, on_failure=body.on_failure
    )


def _default_resource(requests: list[CommandRequest]) -> str:
    """Return the name of an operation that was given none: its first step's."""
    if not requests:
        return "operation"
    return requests[0].resource or requests[0].order.endpoint


async def parse_target_selector(
    targets: TargetsIn, protocols: DeviceProtocols
) -> TargetSelector:
    """
    Return the selector of the devices that are meant.

    Raises:
        Invalid: not exactly one way to choose them is given.
    """
    selectors = (
        targets.device_ids is not None,
        bool(targets.tags),
        targets.all is True,
    )
    if sum(selectors) != 1:
        raise Invalid(
            "targets needs exactly one of deviceIds, tags (not empty) and all: true.",
            pointer="/targets",
        )
    if targets.device_ids is None:
        return TargetSelector(tags=targets.tags)
    return TargetSelector(
        device_ids=[
            protocols.identify(str(given), f"/targets/deviceIds/{index}").device_id
            async for index, given in in_pieces(enumerate(targets.device_ids))
        ]
    )


def parse_rollout_policy(
    options: TaskIn | ShadowsIn | PolicyIn, pointer_prefix: str = ""
) -> RolloutPolicy:
    """
    Return how fast a task goes, which is given at *pointer_prefix*.

    Raises:
        Invalid: the limit of failures is neither a number nor a percentage.
    """
    expires_in = options.expires_in
    return RolloutPolicy(
        concurrency=options.concurrency,
        stop_after=_failure_limit(options.stop_after_failures, pointer_prefix),
        expires_in=None if expires_in is None else micros(expires_in),
    )


def _failure_limit(given: int | str | None, pointer_prefix: str) -> FailureLimit | None:
    if given is None:
        return None
    try:
        return FailureLimit.parse(str(given))
    except ValueError:
        raise Invalid(
            "stopAfterFailures must be a number from 1, or a percentage as '5%'.",
            pointer=f"{pointer_prefix}/stopAfterFailures",
        ) from None


def parse_upgrade(body: UpgradeIn, protocol: DeviceProtocol) -> UpgradeRequest:
    """
    Return the upgrade to be made.

    Raises:
        Invalid: a field is wrong; the pointer names it.
    """
    policy, timeout = body.policy, body.policy.apply_timeout
    not_before = policy.not_before
    return UpgradeRequest(
        target_version=body.target_version,
        commands=_parse_phases(body.phases, protocol),
        policy=parse_rollout_policy(policy, "/policy"),
        retries=policy.retries,
        apply_timeout=DEFAULT_APPLY_TIMEOUT
        if timeout is None
        else parse_duration(timeout),
        not_before=None
        if not_before is None
        else parse_instant(not_before, "/policy/notBefore"),
        name=body.name,
    )


def _parse_phases(phases: PhasesIn, protocol: DeviceProtocol) -> UpgradeCommands:
    if len(phases.download) + len(phases.apply) > MAX_PHASE_STEPS:
        raise Invalid(
            f"Download and apply may have {MAX_PHASE_STEPS} commands in all.",
            pointer="/phases",
        )
    pointer = phases.verify.version_pointer
    if not is_json_pointer(pointer):
        raise Invalid(
            "versionPointer must be a JSON Pointer (RFC 6901), as /version.",
            pointer="/phases/verify/versionPointer",
        )
    return UpgradeCommands(
        download=parse_steps(phases.download, protocol, "/phases/download"),
        apply=parse_steps(phases.apply, protocol, "/phases/apply"),
        verify=parse_step(phases.verify.command, "/phases/verify/command", protocol),
        version_pointer=pointer,
    )
