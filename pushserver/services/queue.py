"""Commands as programs see them: enqueue, retry, wait for the outcome."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import attrs

from pushserver.errors import Conflict, NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_request import (
    CommandRequest,
    StepRef,
    make_command,
    retry_request,
)
from pushserver.model.lane import Lane
from pushserver.model.state import FINISHED, CommandState
from pushserver.model.transitions import enqueue_all
from pushserver.services.completion_waiters import CompletionWaiters
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.end_waiting import wait_until_over
from pushserver.services.idempotency import (
    IdempotentRequest,
    remember_answer,
    replay_answer,
)
from pushserver.services.lanes import Lanes
from pushserver.services.queue_bounds import QueueBounds
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.history import CommandRecord

#: Renders commands into the answer that is stored for an idempotency key.
RenderCommands = Callable[[Sequence[Command]], bytes]
#: The same in pieces, of very many commands.
RenderInPieces = Callable[[Sequence[Command]], Awaitable[bytes]]


@attrs.define
class Enqueued:
    """The outcome of an enqueue; `replayed` if a stored answer is repeated."""

    commands: Sequence[Command]
    answer: bytes
    replayed: bool = False


@attrs.define(eq=False)
class Queue:
    """Enqueues, cancels and retries commands. `response_timeout` is in microseconds."""

    store: Store
    lanes: Lanes
    devices: DeviceRegistry
    protocols: DeviceProtocols
    completion_waiters: CompletionWaiters
    bounds: QueueBounds
    response_timeout: int

    def enqueue(
        self,
        scope_id: int,
        device_id: int,
        requests: Sequence[CommandRequest],
        render: RenderCommands | None,
        idempotency: IdempotentRequest | None = None,
        created_by: Actor = SERVER,
        *,
        render_in_pieces: RenderInPieces | None = None,
    ) -> asyncio.Future[Enqueued]:
        """
        Enqueue commands for a device, all or none; they are on disk when it is done.

        The device must have been adopted in the scope. A key needs an answer. Everybody
        waits for *render*; what *render_in_pieces* renders may be long.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            NotFound: it has moved to another scope, or was deleted.
            BodyDeleted: a body is gone that one of them repeats.
            QueueFull: too many wait.
            Unavailable: the store is away.
        """

        decide = partial(
            self._enqueue, scope_id, requests, render, idempotency, created_by
        )

        def decide_and_render(
            lane: Lane, changes: Changes, prior: PriorState
        ) -> Enqueued:
            enqueued = decide(lane, changes, prior)
            if render_in_pieces is not None and not enqueued.replayed:
                changes.late_work.append(
                    partial(
                        _render_late, enqueued, render_in_pieces, idempotency, changes
                    )
                )
            return enqueued

        lookup = Lookup(idempotency_key=idempotency.key) if idempotency else None
        return self.lanes.change(device_id, decide_and_render, lookup)

    def _enqueue(
        self,
        scope_id: int,
        requests: Sequence[CommandRequest],
        render: RenderCommands | None,
        idempotency: IdempotentRequest | None,
        created_by: Actor,
        lane: Lane,
        changes: Changes,
        prior: PriorState,
    ) -> Enqueued:
        stored = replay_answer(idempotency, changes, prior)
        if stored is not None:
            return Enqueued((), stored, replayed=True)
        self.devices.require_owner(scope_id, lane)
        for request in requests:
            request.order.require_body()
        self.bounds.require_room(scope_id, lane, changes, len(requests), requests)
        commands = [
            self.new_command(request, scope_id, lane.device_id, changes, created_by)
            for request in requests
        ]
        enqueue_all(lane, commands, changes)
        if lane.blocked_endpoints:
            for command in commands:
                command.blocked_until = lane.blocked_until(command)
        answer = b"" if render is None else render(commands)
        remember_answer(idempotency, answer, changes)
        return Enqueued(commands, answer)

    def new_command(
        self,
        request: CommandRequest,
        scope_id: int,
        device_id: int,
        changes: Changes,
        created_by: Actor,
        step_ref: StepRef | None = None,
    ) -> Command:
        """Make the command of *request*, with an id and the server's defaults."""
        protocol = self.protocols.of_device(device_id)
        command = make_command(
            request,
            command_id=changes.new_id(),
            scope_id=scope_id,
            device_id=device_id,
            now=changes.now,
            defaults=protocol.endpoint_defaults(request.order),
            response_timeout=self.response_timeout,
            step_ref=step_ref,
        )
        command.created_by = created_by
        command.request_id = created_by.request_id
        command.traceparent = created_by.traceparent
        command.tracestate = created_by.tracestate
        return command

    async def wait_until_over(
        self, scope_id: int, command_id: int, seconds: float
    ) -> CommandState:
        """
        Return the command's state when it is over, or what it is after *seconds*.

        Its result may be large, and is left for who shows it.

        Raises:
            NotFound: there is no such command.
        """
        state = CommandState.PENDING

        async def is_over() -> bool:
            nonlocal state
            state = await self._state_of(scope_id, command_id)
            return state in FINISHED

        await wait_until_over(
            self.store, self.completion_waiters, command_id, is_over, seconds
        )
        return state

    async def _state_of(self, scope_id: int, command_id: int) -> CommandState:
        state = await self.store.find_state(scope_id, command_id)
        if state is None:
            raise NotFound(f"There is no command {command_id}.")
        return state

    async def store_answer(
        self, idempotency: IdempotentRequest, device_id: int, answer: bytes
    ) -> None:
        """Store the answer that was given after waiting, to repeat it."""

        def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
            remember_answer(idempotency, answer, changes)

        await self.lanes.change(device_id, decide)

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

    async def retry(
        self,
        scope_id: int,
        command_id: int,
        render: RenderCommands,
        idempotency: IdempotentRequest | None = None,
        created_by: Actor = SERVER,
    ) -> Enqueued:
        """
        Enqueue a new command like this one.

        Raises:
            NotFound: there is none.
            Conflict: it is not over yet.
            BodyDeleted: nobody has its body any more.
            IdempotencyMismatch: the key was used with another request.
            QueueFull: too many wait.
        """
        record = await self.get(scope_id, command_id)
        command = record.command
        if not command.is_finished or command.order is None:
            raise Conflict(
                f"Command {command_id} is {command.state}; it can be tried again when"
                " it has ended."
            )
        request = retry_request(command, command.order)
        return await self.enqueue(
            scope_id, command.device_id, [request], render, idempotency, created_by
        )


async def _render_late(
    enqueued: Enqueued,
    render: RenderInPieces,
    idempotency: IdempotentRequest | None,
    changes: Changes,
) -> None:
    enqueued.answer = await render(enqueued.commands)
    remember_answer(idempotency, enqueued.answer, changes)
