"""Upgrades and their parts as programs read them."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from pushserver.clock import rfc3339
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState
from pushserver.services.upgrades import UpgradeProgress
from pushserver.web.api.operation_views import (
    done_fraction,
    failure_limit_out,
    operation_counts_out,
)
from pushserver.web.api.upgrade_types import (
    DeviceUpgradeOut,
    UpgradeFailureOut,
    UpgradeOut,
    UpgradeResultCountsOut,
    UpgradeStateCountsOut,
)
from pushserver.web.api.views import as_seconds, optional_instant


def upgrade_out(
    progress: UpgradeProgress, failures: list[UpgradeFailureOut] | UnsetType = UNSET
) -> UpgradeOut:
    """Show an upgrade."""
    task, upgrade, counts = (
        progress.record.task,
        progress.record.upgrade,
        progress.counts,
    )
    return UpgradeOut(
        id=str(task.id),
        name=task.name,
        state=task.state,
        target_version=upgrade.target_version,
        devices=counts.total,
        waiting=counts.waiting,
        counts=operation_counts_out(counts),
        states=_state_counts(progress),
        results=UpgradeResultCountsOut(SUCCESS=counts.completed, FAIL=counts.failures),
        done=done_fraction(counts),
        concurrency=task.concurrency,
        stop_after_failures=failure_limit_out(task.stop_after),
        retries=upgrade.max_retries,
        apply_timeout=as_seconds(upgrade.apply_timeout),
        created_at=rfc3339(task.created_at),
        expires_at=rfc3339(task.expires_at),
        ended_at=optional_instant(task.ended_at),
        failures=failures,
    )


def _state_counts(progress: UpgradeProgress) -> UpgradeStateCountsOut:
    return UpgradeStateCountsOut(
        waiting=progress.counts.waiting,
        idle=progress.states.get(DeviceUpgradeState.IDLE, 0),
        downloading=progress.states.get(DeviceUpgradeState.DOWNLOADING, 0),
        downloaded=progress.states.get(DeviceUpgradeState.DOWNLOADED, 0),
        updating=progress.states.get(DeviceUpgradeState.UPDATING, 0),
    )


def failures_out(operations: Sequence[Operation]) -> list[UpgradeFailureOut]:
    """Show why devices failed."""
    device_upgrades = map(device_upgrade_out, operations)
    return [
        UpgradeFailureOut(
            device_id=part.device_id,
            sub_operation_id=part.sub_operation_id,
            error_code=part.error_code,
            error=part.error,
        )
        for part in device_upgrades
    ]


def device_upgrade_out(operation: Operation) -> DeviceUpgradeOut:
    """Show how far one device is; why it failed is known when it has ended."""
    device_upgrade = operation.device_upgrade
    assert device_upgrade is not None  # noqa: S101 - it is read with its part
    is_waiting = operation.is_running and not operation.queued_steps
    return DeviceUpgradeOut(
        device_id=str(operation.device_id),
        sub_operation_id=str(operation.id),
        state="waiting" if is_waiting else device_upgrade.state.value,
        result=_RESULT_BY_STATUS.get(operation.status),
        source_version=device_upgrade.source_version,
        current_version=device_upgrade.current_version,
        error_code=None if operation.is_running else device_upgrade.error_code,
        error=None if operation.is_running else device_upgrade.error,
        started_at=optional_instant(operation.started_at),
        ended_at=optional_instant(operation.ended_at),
    )


_RESULT_BY_STATUS = {
    OperationStatus.COMPLETED: DeviceUpgradeResult.SUCCESS,
    OperationStatus.FAILED: DeviceUpgradeResult.FAIL,
}
