"""Tells whether the server can do its work: whether the store takes writes."""

import asyncio

import attrs

from pushserver.errors import Unavailable
from pushserver.storage.base import Store

#: Seconds within which the store must accept a write.
TRIAL_TIMEOUT = 5.0
#: Seconds between two trials, whoever asks how often.
TRIAL_INTERVAL = 1.0
#: Seconds for which a write that failed counts, unless another one succeeded since. A
#: trial is small: it may find room on a disk where a command finds none.
FAILURE_WINDOW = 10.0


@attrs.define(eq=False)
class Readiness:
    """Tries a write, at most once a second, and asks what became of the last one."""

    store: Store
    _trial: asyncio.Task[bool] | None = attrs.field(default=None, init=False)
    _next_trial_at: float = attrs.field(default=0.0, init=False)

    async def is_ready(self) -> bool:
        """Tell whether the store takes writes."""
        trial = self._trial
        if trial is None or (trial.done() and _now() >= self._next_trial_at):
            trial = self._trial = asyncio.create_task(self._try_to_write())
        accepted = await asyncio.shield(trial)
        return accepted and not self.store.has_write_failed(within=FAILURE_WINDOW)

    async def _try_to_write(self) -> bool:
        try:
            async with asyncio.timeout(TRIAL_TIMEOUT):
                await self.store.check_writable()
        except (Unavailable, TimeoutError):
            return False
        finally:
            self._next_trial_at = _now() + TRIAL_INTERVAL
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
