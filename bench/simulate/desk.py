"""What servers tell each other: gathered while one sends, and while another listens."""

import attrs
import simpy

from bench.simulate.queues import Steps
from bench.simulate.servers import Database, Process
from bench.simulate.times import Times


@attrs.define(eq=False)
class Desk:
    """
    Tells the desks of the *others* what its *process* wrote, and hears what they tell.

    It sends one message at a time, and hears all that have come since the last time.
    """

    env: simpy.Environment
    times: Times
    database: Database
    process: Process
    others: "list[Desk]" = attrs.field(factory=list, init=False)
    _telling: "list[tuple[Desk | None, simpy.Event]]" = attrs.Factory(list)
    _hearing: list[simpy.Event] = attrs.Factory(list)
    _sends: bool = False
    _listens: bool = False

    def tell(self, whom: "Desk | None" = None) -> simpy.Event:
        """Tell all others; the event is there when *whom* has heard it."""
        heard = self.env.event()
        if self.others:
            self._telling.append((whom, heard))
            if not self._sends:
                self._sends = True
                self.env.process(self._send())
        return heard

    def _send(self) -> Steps:
        while self._telling:
            told, self._telling = self._telling, []
            yield from self.process.core.work(self.times.tell_server)
            yield from self.database.commit(self.times.tell_database)
            for other in self.others:
                other.hear([event for whom, event in told if whom is other])
        self._sends = False

    def hear(self, waiting: list[simpy.Event]) -> None:
        """Take a message in, for which some are *waiting*."""
        self._hearing += waiting or [self.env.event()]
        if not self._listens:
            self._listens = True
            self.env.process(self._listen())

    def _listen(self) -> Steps:
        while self._hearing:
            heard, self._hearing = self._hearing, []
            yield from self.process.core.work(self.times.told_server)
            for event in heard:
                event.succeed()
        self._listens = False


def desks(
    env: simpy.Environment, times: Times, database: Database, processes: list[Process]
) -> list[Desk]:
    """Return a desk for each process; each tells all others."""
    made = [Desk(env, times, database, process) for process in processes]
    for desk in made:
        desk.others += [other for other in made if other is not desk]
    return made
