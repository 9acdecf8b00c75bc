"""Bounds what a round decides: nobody waits for more of it than some milliseconds."""

import time

import attrs

from pushserver.storage.sql.write_jobs import WriteJob

#: The most jobs in one round.
MAX_JOBS = 200
#: Seconds of the event loop's processor time after which a round decides no more. Not
#: of the clock: on a busy machine rounds would get short, and many.
MAX_SECONDS = 0.005


@attrs.define(eq=False)
class RoundBudget:
    """How long a round has decided; what it does not get to is left for the next."""

    _began_at: float = attrs.field(factory=time.thread_time, init=False)
    _spent: float = attrs.field(default=0.0, init=False)

    @property
    def is_spent(self) -> bool:
        """Tell whether the round is to write what it has decided."""
        return self._spent >= MAX_SECONDS

    def spend(self, job: WriteJob) -> None:
        """Note how long it took to decide *job*."""
        spent = time.thread_time() - self._began_at
        job.seconds, self._spent = spent - self._spent, spent
