"""Takes commands back: one, those of a list, or all that a filter matches."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import chain, islice

import attrs

from pushserver.errors import Conflict, NotFound
from pushserver.fair_turns import FairTurns
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, cancel_entry, command_entry
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.model.withdrawal import room_to_end, withdraw, withdraw_all
from pushserver.services.batches import batches_until_stop
from pushserver.services.lanes import Lanes
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from pushserver.storage.history import CommandFilter, CommandRecord

Matches = Callable[[Command], bool]
#: From so many devices on, no more than so many calls take back at once.
MANY_DEVICES = 10_000
_MAX_CALLS_WITH_MANY = 4


@attrs.frozen
class WithdrawnCounts:
    """How many commands were taken back, by their states before."""

    never_given: Counter[CommandState] = attrs.Factory(Counter)
    given: Counter[CommandState] = attrs.Factory(Counter)

    @classmethod
    def of(cls, commands: Collection[Command]) -> "WithdrawnCounts":
        """Count live commands."""
        return cls(
            Counter(each.state for each in commands if not each.attempts),
            Counter(each.state for each in commands if each.attempts),
        )

    @property
    def total(self) -> int:
        """How many there are in all."""
        return self.never_given.total() + self.given.total()

    def add(self, other: "WithdrawnCounts") -> None:
        """Count those of *other*, too."""
        self.never_given.update(other.never_given)
        self.given.update(other.given)


@attrs.frozen(repr=False)
class Withdrawals:
    """Takes commands back, in few commits however many they are."""

    store: Store
    lanes: Lanes
    _room_for_many: FairTurns = attrs.field(
        factory=partial(FairTurns, _MAX_CALLS_WITH_MANY), init=False
    )

    async def withdraw(
        self, scope_id: int, command_id: int, actor: Actor = SERVER
    ) -> CommandRecord:
        """
        Take one command back and return it.

        Raises:
            NotFound: there is none.
            Conflict: it is over.
        """
        record = await self._get(scope_id, command_id)

        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> bool:
            command = lane.find_command(command_id)
            if command is not None:
                withdraw(lane, command, changes, now=changes.now, by=actor)
                entry = command_entry(actor, AuditAction.COMMAND_CANCEL, command)
                changes.audit(entry)
            return command is not None

        was_live = await self.lanes.change(record.command.device_id, decide)
        record = await self._get(scope_id, command_id)
        if not was_live:
            raise Conflict(f"Command {command_id} is {record.command.state}: over.")
        return record

    async def _get(self, scope_id: int, command_id: int) -> CommandRecord:
        record = await self.store.find_command(scope_id, command_id)
        if record is None:
            raise NotFound(f"There is no command {command_id}.")
        return record

    async def withdraw_listed(
        self,
        scope_id: int,
        command_ids: Collection[int],
        *,
        among: Collection[int] | None = None,
        is_dry_run: bool,
        actor: Actor = SERVER,
    ) -> tuple[WithdrawnCounts, int]:
        """
        Take these back; return also how many of them the scope has.

        Those of devices that are not *among* these are as if they did not exist.
        """
        devices = await self.store.devices_of_commands(scope_id, command_ids)
        if among is not None:
            devices = {i: d for i, d in devices.items() if d in among}
        counts = await self._withdraw_in_all(
            {*devices.values()},
            lambda command: command.id in devices,
            is_dry_run,
            actor,
        )
        return counts, len(devices)

    async def withdraw_matching(
        self,
        scope_id: int,
        criteria: CommandFilter,
        *,
        is_dry_run: bool,
        actor: Actor = SERVER,
    ) -> WithdrawnCounts:
        """Take back all that *criteria* match; few calls have very many devices."""
        find = partial(self.store.live_devices, scope_id, criteria)

        def matches(command: Command) -> bool:
            return command.scope_id == scope_id and criteria.matches(command)

        device_ids = await find()
        if len(device_ids) < MANY_DEVICES:
            return await self._withdraw_in_all(device_ids, matches, is_dry_run, actor)
        del device_ids
        async with self._room_for_many:
            device_ids = await find()
            return await self._withdraw_in_all(device_ids, matches, is_dry_run, actor)

    async def _withdraw_in_all(
        self,
        device_ids: Collection[int],
        matches: Matches,
        is_dry_run: bool,
        actor: Actor,
    ) -> WithdrawnCounts:
        """Take back what *matches* in these lanes; in a dry run only count it."""
        withdraw_in = partial(self._withdraw_in, matches=matches, actor=actor)
        if is_dry_run:
            withdraw_in = partial(self._count_in, matches=matches)
        counts = WithdrawnCounts()
        for batch in batches_until_stop(self.store, [*device_ids]):
            for each in await asyncio.gather(*map(withdraw_in, batch)):
                counts.add(each)
        return counts

    async def _count_in(self, device_id: int, matches: Matches) -> WithdrawnCounts:
        def decide(
            lane: Lane, _changes: Changes, _prior: PriorState
        ) -> WithdrawnCounts:
            return WithdrawnCounts.of([*_select(lane, matches)])

        return await self.lanes.change(device_id, decide)

    async def _withdraw_in(
        self, device_id: int, matches: Matches, actor: Actor
    ) -> WithdrawnCounts:
        def decide(
            lane: Lane, changes: Changes, _prior: PriorState
        ) -> tuple[WithdrawnCounts, bool]:
            # The last ones first: meanwhile the device may poll for the first.
            found, room = _select(lane, matches), room_to_end(changes)
            chosen = [*islice(found, room)]
            has_more = next(found, None) is not None
            counts = WithdrawnCounts.of(chosen)
            if chosen:
                changes.audit(cancel_entry(actor, chosen))
            withdraw_all(lane, chosen, changes, now=changes.now, by=actor)
            return counts, has_more

        total, has_more = WithdrawnCounts(), True
        while has_more:
            counts, has_more = await self.lanes.change(device_id, decide)
            total.add(counts)
        return total


def _select(lane: Lane, matches: Matches) -> Iterator[Command]:
    """Return what matches and was not taken back before, the last ones first."""
    in_flight = [each.command for each in lane.in_flights]
    commands = chain(reversed(lane.waiting), in_flight)
    return (c for c in commands if not c.withdrawn and matches(c))
