"""Jobs of group commit, and how their callers get the outcome."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import attrs
import structlog

from pushserver.authority import AUTHORITY, Authority
from pushserver.errors import NoLongerValid, PushServerError
from pushserver.fair_turns import CALLER
from pushserver.model.audit import AuditEntry
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.storage.commands import (
    CompletionCallback,
    Decision,
    Lookup,
    PriorState,
)
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.repeated_acts import RepeatedActs

log = structlog.get_logger(__name__)

T = TypeVar("T")

_WAITING = CommandState.PENDING


@attrs.define(eq=False)
class WriteJob:
    """
    A decision on a device's lane, or a function that executes SQL.

    The function writes `audit`; the round stamps the entries before. A trial only shows
    whether the store can be written. `seconds` is the processor time that it took. It
    runs only while `authority` allows it: that of whoever asked for it, and unless
    its round has found that the session of that `is_over`.
    """

    future: asyncio.Future[Any]
    device_id: int = -1
    decide: Decision[Any] | None = None
    lookup: Lookup | None = None
    on_done: CompletionCallback | None = None
    work: Callable[[SqlConnection], Any] | None = None
    is_trial: bool = False
    audit: Sequence[AuditEntry] = ()
    value: Any = None
    caller: int = attrs.field(factory=CALLER.get, init=False)
    authority: Authority | None = attrs.field(factory=AUTHORITY.get, init=False)
    is_over: bool = attrs.field(default=False, init=False)
    seconds: float = attrs.field(default=0.0, init=False)

    @property
    def session_hash(self) -> str | None:
        """The hash of the session that it was asked for in."""
        return None if self.authority is None else self.authority.session_hash

    def may_run(self) -> bool:
        """Tell whether somebody waits for it who may still ask for it."""
        if self.future.done():
            return False
        try:
            self._require_authority()
        except PushServerError as error:
            self.settle(error=error)
            return False
        return True

    def run_decision(
        self, lane: Lane, changes: Changes, prior_state: PriorState
    ) -> None:
        """
        Let it decide, for whoever may still ask for it.

        Raises:
            NoLongerValid: its token or session has ended while it waited.

        And what the decision raises.
        """
        assert self.decide is not None  # noqa: S101 - it is work otherwise
        self._require_authority()
        self.value = self.decide(lane, changes, prior_state)

    def _require_authority(self) -> None:
        if self.authority is not None:
            self.authority.require()
        if self.is_over:
            raise NoLongerValid

    def settle(self, value: Any = None, error: Exception | None = None) -> None:
        """Call `on_done`, once, and set the outcome if a caller still waits for it."""
        if self.is_over and error is None:
            error = NoLongerValid()
        is_awaited = not self.future.done()
        on_done, self.on_done = self.on_done, None
        if on_done is not None:
            try:
                on_done(error is None, is_awaited)
            except Exception:
                # Too late to fail the job: it was committed, or has failed.
                log.exception("commit.listener_failed")
        if not is_awaited:
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class WriteQueue(Protocol):
    """Accepts jobs for group commit."""

    def submit(self, job: WriteJob) -> asyncio.Future[Any]:
        """Queue *job*; its future is done after the commit."""


@attrs.define(eq=False)
class LastWrite:
    """When the last write failed, by the monotonic clock; trials do not count."""

    _failed_at: float | None = None

    def record(self, jobs: Sequence[WriteJob], *, failed: bool) -> None:
        """Note how a write of *jobs* went."""
        if not all(job.is_trial for job in jobs):
            self._failed_at = time.monotonic() if failed else None

    def failed_within(self, seconds: float) -> bool:
        """Tell whether it failed less than *seconds* ago."""
        failed_at = self._failed_at
        return failed_at is not None and time.monotonic() - failed_at < seconds


@attrs.frozen
class SqlWriter:
    """Runs functions that execute SQL in the transaction of the next round."""

    queue: WriteQueue

    async def __call__(
        self,
        work: Callable[[SqlConnection], T],
        audit: Sequence[AuditEntry] = (),
        *,
        is_trial: bool = False,
    ) -> T:
        """
        Run *work*, which writes *audit*; return its value when it is on disk.

        Raises:
            Unavailable: the store is away.
        """
        future = asyncio.get_running_loop().create_future()
        job = WriteJob(future, work=work, is_trial=is_trial, audit=audit)
        value: T = await self.queue.submit(job)
        return value


def stamp_audit(
    jobs: Iterable[WriteJob], changes: Changes, repeated: RepeatedActs
) -> None:
    """
    Stamp what the functions of *jobs* write into the audit, or what it repeats.

    Its ids are of this transaction, so whoever follows the audit misses none.
    """
    for job in jobs:
        for entry in job.audit:
            entry.stamp(changes.new_id, changes.now)
        repeated.mark(job.audit)


def mark_stored(changes: Changes, waiting_by_scope: Counter[int]) -> None:
    """
    Mark the objects that were written as stored in this state.

    Keep up to date how many commands of each scope wait: nobody has to count them.
    """
    for command in changes.new_commands:
        waiting_by_scope[command.scope_id] += command.state is _WAITING
        command.stored_state = command.state
    for command in changes.changed_commands.values():
        before = command.stored_state is _WAITING
        waiting_by_scope[command.scope_id] += (command.state is _WAITING) - before
        command.stored_state = command.state
    for delivery in changes.new_deliveries:
        delivery.stored = True
    for operation in changes.operations.values():
        operation.version += operation.stored
        operation.stored = True
    for service in changes.services.values():
        service.stored = True
