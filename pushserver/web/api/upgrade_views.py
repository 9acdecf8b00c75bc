"""Upgrades and their parts as programs read them."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from pushserver.clock import rfc3339
from pushserver.model.operation import Operation, Status
from pushserver.model.upgrade import UpgradeResult, UpgradeState
from pushserver.services.upgrades import Standing
from pushserver.web.api.tracking_views import counts_out, limit_out, share_done
from pushserver.web.api.upgrade_types import (
    FailureOut,
    PartOut,
    ResultsOut,
    StatesOut,
    UpgradeOut,
)
from pushserver.web.api.views import as_seconds, at


def upgrade_out(
    of: Standing, failures: list[FailureOut] | UnsetType = UNSET
) -> UpgradeOut:
    """Show an upgrade."""
    task, upgrade, counts = of.record.task, of.record.upgrade, of.counts
    return UpgradeOut(
        id=str(task.id),
        name=task.name,
        state=task.state,
        target_version=upgrade.target_version,
        devices=counts.total,
        waiting=counts.waiting,
        counts=counts_out(counts),
        states=_states(of),
        results=ResultsOut(SUCCESS=counts.completed, FAIL=counts.failures),
        done=share_done(counts),
        concurrency=task.concurrency,
        stop_after_failures=limit_out(task.stop_after),
        retries=upgrade.retries,
        apply_timeout=as_seconds(upgrade.apply_timeout),
        created_at=rfc3339(task.created_at),
        expires_at=rfc3339(task.expires_at),
        ended_at=at(task.ended_at),
        failures=failures,
    )


def _states(of: Standing) -> StatesOut:
    return StatesOut(
        waiting=of.counts.waiting,
        idle=of.states.get(UpgradeState.IDLE, 0),
        downloading=of.states.get(UpgradeState.DOWNLOADING, 0),
        downloaded=of.states.get(UpgradeState.DOWNLOADED, 0),
        updating=of.states.get(UpgradeState.UPDATING, 0),
    )


def failures_out(operations: Sequence[Operation]) -> list[FailureOut]:
    """Show why devices failed."""
    parts = map(part_out, operations)
    return [
        FailureOut(
            device_id=part.device_id,
            sub_operation_id=part.sub_operation_id,
            error_code=part.error_code,
            error=part.error,
        )
        for part in parts
    ]


def part_out(operation: Operation) -> PartOut:
    """Show how far one device is; why it failed is known when it has ended."""
    part = operation.upgrade
    assert part is not None  # noqa: S101 - it is read with its part
    waits = operation.is_running and not operation.queued
    return PartOut(
        device_id=str(operation.device_id),
        sub_operation_id=str(operation.id),
        state="waiting" if waits else part.state.value,
        result=_RESULTS.get(operation.status),
        source_version=part.source_version,
        current_version=part.current_version,
        error_code=None if operation.is_running else part.error_code,
        error=None if operation.is_running else part.error,
        started_at=at(operation.started_at),
        ended_at=at(operation.ended_at),
    )


_RESULTS = {
    Status.COMPLETED: UpgradeResult.SUCCESS,
    Status.FAILED: UpgradeResult.FAIL,
}
