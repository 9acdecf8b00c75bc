"""What a member of the cluster does on its connection, on that one's thread."""

import random
from collections.abc import Sequence

import attrs

from pushserver import __version__
from pushserver.errors import Unavailable
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.ids import IdGenerator
from pushserver.storage.postgres.cluster.asked_time import QUESTIONS, say_time
from pushserver.storage.postgres.cluster.missed_changes import MissedChangeSweep
from pushserver.storage.postgres.cluster.notify_listener import NotifyListener
from pushserver.storage.postgres.cluster.other_servers import OtherServers
from pushserver.storage.postgres.cluster.schema_watch import SchemaWatch
from pushserver.storage.postgres.cluster.server_locks import (
    MAX_NODES,
    lock_free_node,
    release_locks,
    try_leader_lock,
)
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import (
    READER_APPLICATION,
    Connection,
)
from pushserver.storage.postgres.connection.threads import Database
from pushserver.storage.postgres.connection.watchdog import abort_stalled_connections

# A machine that vanished must not stay the leader for long, even if a proxy between it
# and the database keeps the connection up; but a busy one may be silent for a while.
_SESSION_SETTINGS = (
    f"LISTEN pushserver; LISTEN {QUESTIONS};"
    " SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1;"
    " SET tcp_keepalives_count = 3; SET idle_session_timeout = '8s';"
    # A crash loses notices in any case, so they need not wait for the disk.
    " SET synchronous_commit = off;"
    # Whoever lists the servers sees which release each is.
    f" SET application_name = '{READER_APPLICATION} {__version__}'"
)
_NOTIFY = (
    "SELECT pg_notify('pushserver', piece) FROM unnest(CAST(? AS TEXT[])) AS piece"
)


@attrs.define(eq=False)
class ClusterConnection:
    """
    Registers at the database, exchanges notices there, and looks after the cluster.

    `node` is the node number that is locked, or to be tried first.
    """

    database: Database
    database_clock: DatabaseClock
    new_id: IdGenerator
    sweep: MissedChangeSweep = attrs.Factory(MissedChangeSweep)
    notify_listener: NotifyListener = attrs.Factory(NotifyListener)
    schema_watch: SchemaWatch = attrs.Factory(SchemaWatch)
    other_servers: OtherServers = attrs.Factory(OtherServers)
    has_leader_lock: bool = attrs.field(default=False, init=False)
    node: int | None = attrs.field(default=None, init=False)
    connection: Connection | None = attrs.field(default=None, init=False)
    backend_pid: int = attrs.field(default=0, init=False)

    def register(self, connection: Connection) -> ChangeNotice:
        """Listen, and take the locks; return a notice of what was written lately."""
        connection.raw.execute(_SESSION_SETTINGS, prepare=False)
        self.notify_listener.attach(connection)
        self.connection, self.backend_pid = connection, connection.pid
        first_node = random.randrange(MAX_NODES) if self.node is None else self.node  # noqa: S311 - no secret
        self.node = lock_free_node(connection, first_node)
        self.new_id.set_node(self.node)
        self.has_leader_lock = try_leader_lock(connection)
        notify(connection, ["{}"])
        self.other_servers.start(connection)
        self.database_clock.measure(connection)
        return self.sweep.start(connection, self.database_clock.now())

    def exchange(
        self, connection: Connection, payloads: Sequence[str], check: bool, ping: bool
    ) -> ChangeNotice | None:
        """
        Receive notices and send these; with *check*, look after the cluster.

        With *ping*, every notice that was sent before the call is received.

        Raises:
            Unavailable: it is not the connection that holds the locks.
        """
        if connection is not self.connection:
            connection.close()
            raise Unavailable("The connection was lost.")
        if ping:
            # The database sends all earlier notices before its answer.
            connection.execute("SELECT 1")
        self.notify_listener.receive(connection)
        self._answer(connection)
        notify(connection, payloads)
        return self._check_cluster(connection) if check else None

    def _answer(self, connection: Connection) -> None:
        """Say what time it is to servers that start, as the leader."""
        questions = self.notify_listener.pop_questions()
        if self.has_leader_lock:
            say_time(connection, questions, self.database_clock.now())

    def _check_cluster(self, connection: Connection) -> ChangeNotice | None:
        """Become the leader if there is none; scan for missed changes unless alone."""
        is_leader = self.has_leader_lock or try_leader_lock(connection)
        abort_stalled_connections(connection, self.database.threads)
        self.schema_watch.look(connection)
        self.other_servers.check(connection)
        is_corrected = self.database_clock.measure(connection)
        # Only now, as the leader corrects jumps, and the one before may have done so.
        self.has_leader_lock = is_leader
        if is_corrected:
            self.sweep.request_full_notice()
            return ChangeNotice(everything=True)
        if self.other_servers.is_alone and not self.sweep.needs_full_notice:
            return None
        return self.sweep.scan(connection, self.database_clock.now(), self.new_id.node)


def notify(connection: Connection, payloads: Sequence[str]) -> None:
    """Send *payloads* to the other servers."""
    if payloads:
        connection.execute_arrays(_NOTIFY, [payloads])


def take_leave(connection: Connection, payloads: Sequence[str]) -> None:
    """
    Send *payloads*, then release the locks.

    The database notices only later that a connection was closed: until then, a server
    that starts would take this one for alive, and the time it stands for, too.
    """
    notify(connection, payloads)
    release_locks(connection)
