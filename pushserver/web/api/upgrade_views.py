"""Upgrades, and the upgrades of single devices, as programs read them."""

from msgspec import UNSET, UnsetType

from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.token import Permission, Token
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.upgrades import UpgradeProgress
from pushserver.web.api.operation_views import progress_fields
from pushserver.web.api.rendering import as_seconds, optional_instant, render
from pushserver.web.api.task_types import DeviceFailureOut
from pushserver.web.api.upgrade_types import (
    DeviceUpgradeOut,
    UpgradeOut,
    UpgradeResultCountsOut,
    UpgradeStateCountsOut,
)


def upgrade_out(
    progress: UpgradeProgress, failures: list[DeviceFailureOut] | UnsetType = UNSET
) -> UpgradeOut:
    """Render an upgrade."""
    task, upgrade = progress.record.task, progress.record.upgrade
    counts = progress.counts
    return render(
        UpgradeOut,
        task,
        **progress_fields(task, counts),
        target_version=upgrade.target_version,
        states=_state_counts(progress),
        results=UpgradeResultCountsOut(SUCCESS=counts.completed, FAIL=counts.failures),
        retries=upgrade.max_retries,
        apply_timeout=as_seconds(upgrade.apply_timeout),
        failures=failures,
    )


def _state_counts(progress: UpgradeProgress) -> UpgradeStateCountsOut:
    states = {
        state.value: progress.states.get(state, 0) for state in DeviceUpgradeState
    }
    return UpgradeStateCountsOut(waiting=progress.counts.waiting, **states)


def device_upgrade_out(
    protocols: DeviceProtocols, reader: Token, operation: Operation
) -> DeviceUpgradeOut:
    """
    Render how far one device is; its error is known once it has ended.

    An error is mostly what the device answered: only who may read results sees it.
    """
    device_upgrade = operation.device_upgrade
    assert device_upgrade is not None  # noqa: S101 - an upgrade reads its operations with it
    is_waiting = operation.is_running and not operation.queued_steps
    shows_error = not operation.is_running and reader.has_permission(
        Permission.RESULTS_READ
    )
    return render(
        DeviceUpgradeOut,
        device_upgrade,
        device_id=protocols.display_id(operation.device_id),
        sub_operation_id=str(operation.id),
        state="waiting" if is_waiting else device_upgrade.state.value,
        result=_RESULT_BY_STATUS.get(operation.status),
        error_code=device_upgrade.error_code if shows_error else None,
        error=device_upgrade.error if shows_error else None,
        started_at=optional_instant(operation.started_at),
        ended_at=optional_instant(operation.ended_at),
    )


_RESULT_BY_STATUS = {
    OperationStatus.COMPLETED: DeviceUpgradeResult.SUCCESS,
    OperationStatus.FAILED: DeviceUpgradeResult.FAIL,
}
