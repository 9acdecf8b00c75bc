"""Commands as programs see them: enqueue, cancel, try again, wait for the outcome."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import (
    Conflict,
    IdempotencyMismatch,
    IdempotencyRunning,
    NotFound,
)
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.draft import Draft, Place, draft_again, make_command
from pushserver.model.idempotency import KEPT, Key, KeyUse
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.turns import add, cancel
from pushserver.services.outcomes import Outcomes, ring_or_pass
from pushserver.services.polling import Polling
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from pushserver.storage.listing import CommandRecord

#: Seconds between two looks at what may have ended on another server.
LOOK = 1.0
#: Turns commands into the answer that is kept for an idempotency key.
Render = Callable[[Sequence[Command]], bytes]


@attrs.frozen
class Once:
    """A request that must not be done twice."""

    key: Key
    fingerprint: str

    def replayed(self, use: KeyUse | None, now: int) -> bytes | None:
        """
        Return the answer that was given before, None if there was none.

        Raises:
            IdempotencyMismatch: the key was used with another request.
        """
        if use is None or use.created_at <= now - KEPT * SECOND:
            return None
        if use.fingerprint != self.fingerprint:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another request in the last 24"
                " hours; take a new key for a new request."
            )
        return use.answer


@attrs.frozen
class Enqueued:
    """What became of an enqueue; `replayed` if it had been answered before."""

    commands: Sequence[Command]
    answer: bytes
    replayed: bool = False


@attrs.define(eq=False)
class Queue:
    """Puts commands into queues. `response_timeout` is in microseconds."""

    store: Store
    clock: Clock
    ids: IdSource
    polling: Polling
    outcomes: Outcomes
    response_timeout: int
    _running: set[Key] = attrs.field(factory=set, init=False)

    def once(self, request: Once | None) -> AbstractContextManager[None]:
        """
        Hold *request*'s key while it is being answered.

        Raises:
            IdempotencyRunning: another one with this key is.
        """
        return nullcontext() if request is None else self._once(request)

    @contextmanager
    def _once(self, request: Once) -> Iterator[None]:
        if request.key in self._running:
            raise IdempotencyRunning("Try again when the first request was answered.")
        self._running.add(request.key)
        try:
            yield
        finally:
            self._running.discard(request.key)

    async def enqueue(
        self,
        scope_id: int,
        device_id: int,
        drafts: Sequence[Draft],
        render: Render,
        request: Once | None = None,
    ) -> Enqueued:
        """
        Put commands into a device's queue, all or nothing; they are on disk then.

        The device must have been adopted in the scope.

        Raises:
            IdempotencyMismatch: the key came before, with another request.
            Unavailable: the store is away.
        """

        def decide(lane: Lane, changes: Changes, past: Past) -> Enqueued:
            return self._enqueue(scope_id, drafts, render, request, lane, changes, past)

        recall = Recall(key=request.key) if request else None
        return await self.polling.fill(device_id, decide, recall)

    def _enqueue(
        self,
        scope_id: int,
        drafts: Sequence[Draft],
        render: Render,
        request: Once | None,
        lane: Lane,
        changes: Changes,
        past: Past,
    ) -> Enqueued:
        now = self.clock.now()
        if request is not None:
            kept = request.replayed(changes.keys.get(request.key) or past.key_use, now)
            if kept is not None:
                return Enqueued((), kept, replayed=True)
        commands = [self.make(draft, scope_id, lane.device_id, now) for draft in drafts]
        answer = render(commands)
        for command in commands:
            add(lane, command, changes)
        if request is not None:
            use = KeyUse(request.key, request.fingerprint, answer, now)
            changes.keys[request.key] = use
        return Enqueued(commands, answer)

    def make(
        self,
        draft: Draft,
        scope_id: int,
        device_id: int,
        now: int,
        place: Place | None = None,
    ) -> Command:
        """Make the command of *draft*, with what the server has for it."""
        return make_command(
            draft,
            command_id=self.ids(),
            scope_id=scope_id,
            device_id=device_id,
            now=now,
            response_timeout=self.response_timeout,
            place=place,
        )

    async def wait(
        self, scope_id: int, command_id: int, seconds: float
    ) -> CommandRecord:
        """
        Return the command when it is over, or as it stands after *seconds*.

        Raises:
            NotFound: there is no such command.
        """
        bells = self.outcomes
        with bells.of_command(command_id) as bell:
            record = await self.get(scope_id, command_id)
            while not (
                record.command.is_over or seconds <= 0 or self.outcomes.is_closed
            ):
                # News of other servers may be lost.
                turn = min(seconds, LOOK) if self.store.is_shared else seconds
                await ring_or_pass(bell, turn)
                bell.clear()
                seconds -= turn
                record = await self.get(scope_id, command_id)
        return record

    async def remember(self, request: Once, device_id: int, answer: bytes) -> None:
        """Keep the answer that was given after waiting, for the same request again."""

        def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
            now = self.clock.now()
            changes.keys[request.key] = KeyUse(
                request.key, request.fingerprint, answer, now
            )

        await self.store.change(device_id, decide)

    async def get(self, scope_id: int, command_id: int) -> CommandRecord:
        """
        Return one command of the scope.

        Raises:
            NotFound: there is none.
        """
        record = await self.store.find_command(scope_id, command_id)
        if record is None:
            raise NotFound(f"There is no command {command_id}.")
        return record

    async def cancel(self, scope_id: int, command_id: int) -> CommandRecord:
        """
        Cancel a command that was never handed out.

        Raises:
            NotFound: there is none.
            Conflict: it was handed out, or has ended.
        """
        record = await self.get(scope_id, command_id)

        def decide(lane: Lane, changes: Changes, _past: Past) -> bool:
            command = lane.find(command_id)
            now = self.clock.now()
            return command is not None and cancel(lane, command, changes, now=now)

        if not await self.store.change(record.command.device_id, decide):
            state = (await self.get(scope_id, command_id)).command.state
            raise Conflict(
                f"Command {command_id} is {state} and was handed out or has ended; only"
                " a command that was never handed out can be canceled."
            )
        return await self.get(scope_id, command_id)

    async def retry(self, scope_id: int, command_id: int, render: Render) -> Enqueued:
        """
        Enqueue a new command like this one.

        Raises:
            NotFound: there is none.
            Conflict: it is not over yet.
        """
        record = await self.get(scope_id, command_id)
        command = record.command
        if not command.is_over or command.order is None:
            raise Conflict(
                f"Command {command_id} is {command.state}; it can be tried again when"
                " it has ended."
            )
        draft = draft_again(command, command.order)
        return await self.enqueue(scope_id, command.device_id, [draft], render)
