"""Notices between servers: gathered while one is sent, and while another is read."""

import attrs
import simpy

from bench.simulate.queues import SimProcess
from bench.simulate.servers import ServerProcess, SimulatedDatabase
from bench.simulate.times import ServiceTimes


@attrs.define(eq=False)
class SimulatedMember:
    """
    Notifies the *others* of what its *process* wrote, and reads their notices.

    It sends one message at a time, and reads all that have come since the last time.
    """

    env: simpy.Environment
    times: ServiceTimes
    database: SimulatedDatabase
    process: ServerProcess
    others: "list[SimulatedMember]" = attrs.field(factory=list, init=False)
    _outgoing: "list[tuple[SimulatedMember | None, simpy.Event]]" = attrs.Factory(list)
    _incoming: list[simpy.Event] = attrs.Factory(list)
    _is_sending: bool = False
    _is_receiving: bool = False

    def publish(self, recipient: "SimulatedMember | None" = None) -> simpy.Event:
        """Notify all others; the event fires when *recipient* has read it."""
        received = self.env.event()
        if self.others:
            self._outgoing.append((recipient, received))
            if not self._is_sending:
                self._is_sending = True
                self.env.process(self._send())
        return received

    def _send(self) -> SimProcess:
        while self._outgoing:
            batch, self._outgoing = self._outgoing, []
            yield from self.process.core.work(self.times.publish_server)
            yield from self.database.commit(self.times.publish_database)
            for other in self.others:
                other.on_notice(
                    [event for receiver, event in batch if receiver is other]
                )
        self._is_sending = False

    def on_notice(self, waiting: list[simpy.Event]) -> None:
        """Take a message in, for which some are *waiting*."""
        self._incoming += waiting or [self.env.event()]
        if not self._is_receiving:
            self._is_receiving = True
            self.env.process(self._receive())

    def _receive(self) -> SimProcess:
        while self._incoming:
            received, self._incoming = self._incoming, []
            yield from self.process.core.work(self.times.notice_server)
            for event in received:
                event.succeed()
        self._is_receiving = False


def build_members(
    env: simpy.Environment,
    times: ServiceTimes,
    database: SimulatedDatabase,
    processes: list[ServerProcess],
) -> list[SimulatedMember]:
    """Return a member for each process; each publishes to all others."""
    members = [SimulatedMember(env, times, database, process) for process in processes]
    for member in members:
        member.others += [other for other in members if other is not member]
    return members
