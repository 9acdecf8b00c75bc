"""Why an operation of a task, or of an upgrade, did not succeed."""

from pushserver.model.operation import FAILED_STATUSES
from pushserver.model.operation_cancellation import OUT_OF_REACH
from pushserver.model.step_failure import FailureCode, describe_failure
from pushserver.model.upgrade import MAX_ERROR_LENGTH, truncate
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.storage.tasks import TaskOperation


def explain_failure(
    protocols: DeviceProtocols, task_operation: TaskOperation
) -> tuple[str | None, str | None]:
    """Return the code and the words of why it failed; None of both if it did not."""
    operation = task_operation.operation
    if operation.status not in FAILED_STATUSES:
        return None, None
    if operation.device_upgrade is not None:
        return operation.device_upgrade.error_code, operation.device_upgrade.error
    failure = _explain_step(protocols, task_operation)
    if failure is not None:
        code, error = failure
        return truncate(code), truncate(error, MAX_ERROR_LENGTH)
    # The server itself ends those whose devices do not come, or are out of reach.
    by_server = operation.canceled and operation.canceled_by.token_id is None
    is_late = by_server and task_operation.message != OUT_OF_REACH
    code = FailureCode.EXPIRED if is_late else FailureCode.CANCELED
    return code, task_operation.message


def _explain_step(
    protocols: DeviceProtocols, task_operation: TaskOperation
) -> tuple[str, str] | None:
    command, result = task_operation.command, task_operation.result
    if command is None:
        return None
    parsed_result = None if result is None else protocols.parse_result(result)
    step_count = task_operation.operation.step_count
    return describe_failure(command, step_count, parsed_result)
