"""Types of the API: server.

Made by scripts/client_types.py from the API's description: do not edit.
"""

from typing import Any, Literal, NotRequired, TypedDict


class PurgeOptions(TypedDict):
    """The fields of `PurgeInput` that are no arguments."""

    allowFuture: NotRequired[bool]
    """
    Whether `before` may lie in the future: then all goes. Left out, it is `false`.
    """
    dryRun: NotRequired[bool]
    """Whether only to count. Left out, it is `false`."""


class PurgeInput(PurgeOptions):
    """Up to when history is to be deleted; or with `dryRun` only counted."""

    before: str
    """What is older goes."""


class Purge(TypedDict):
    """How many rows were deleted, and how many are left; repeat until `done`."""

    deleted: int
    """How many rows were deleted."""
    left: int
    """How many are left."""
    done: bool
    """Whether nothing is left."""
    dryRun: NotRequired[bool]
    """Whether they were only counted. Left out, it is `false`."""


AuditAction = Literal[
    "command.create",
    "command.cancel",
    "command.hold",
    "command.release",
    "command.show",
    "result.show",
    "operation.create",
    "operation.cancel",
    "operation.delete",
    "notification.create",
    "notification.delete",
    "task.create",
    "task.pause",
    "task.resume",
    "task.cancel",
    "task.retry",
    "shadow.change",
    "device.adopt",
    "device.change",
    "device.delete",
    "device.key",
    "token.create",
    "token.revoke",
    "session.create",
    "session.refresh",
    "session.end",
    "scope.create",
    "scope.delete",
    "subscription.create",
    "subscription.change",
    "subscription.delete",
    "subscription.enable",
    "subscription.disable",
    "subscription.secret",
    "subscription.ping",
    "subscription.redeliver",
    "history.purge",
    "blob.create",
]
"""Everything that is kept, by names that never change."""
TargetKind = Literal[
    "command",
    "operation",
    "task",
    "device",
    "token",
    "session",
    "scope",
    "subscription",
]
"""What an act was done to."""


class AuditActor(TypedDict):
    """Who did it: a token, or the server itself; left out where that is not known."""

    tokenId: NotRequired[str]
    """The token's id; the server has none."""
    name: NotRequired[str]
    """What the token was called then; or `server`."""


class AuditTarget(TypedDict):
    """What it was done to."""

    kind: TargetKind
    """What kind of thing it is."""
    id: str
    """The thing's id."""


class AuditEntry(TypedDict):
    """Who did what, to whom, when and from where."""

    id: str
    """The entry's id."""
    at: str
    """When it was done."""
    action: AuditAction
    """What was done."""
    actor: NotRequired[AuditActor]
    """Who did it."""
    target: NotRequired[AuditTarget]
    """What it was done to."""
    deviceId: NotRequired[str]
    """The device that it concerns."""
    endpoint: NotRequired[str]
    """The endpoint of the command."""
    detail: NotRequired[dict[str, Any]]
    """What else is known, by name: texts, numbers, true or false."""
    address: NotRequired[str]
    """From where it was done."""
    requestId: NotRequired[str]
    """The id of the request in the server's log."""


class Audit(TypedDict):
    """A page of the audit, newest first; with `after` oldest first."""

    items: list[AuditEntry]
    """The items of this page."""
    nextCursor: NotRequired[str]
    """Where the next page begins; left out on the last one."""


class ListAuditQuery(TypedDict):
    """The query of `listAudit`."""

    actor: NotRequired[str | None]
    """What this token did; `server`: what the server did by itself."""
    action: NotRequired[AuditAction | None]
    """Only this."""
    targetKind: NotRequired[TargetKind | None]
    """What was done to things of this kind."""
    targetId: NotRequired[str | None]
    """What was done to the thing with this id."""
    deviceId: NotRequired[str | None]
    """What concerns this device: itself, its commands and operations."""
    scopeId: NotRequired[str | None]
    """What was done in this scope, which was deleted; left out, in the token's."""
    createdAfter: NotRequired[str | None]
    """What was done after this instant."""
    createdBefore: NotRequired[str | None]
    """What was done before this instant, which is later than `createdAfter`."""
    limit: NotRequired[int | None]
    """How many items a page has; never more than 1000. Left out, it is `50`."""
    cursor: NotRequired[str | None]
    """The `nextCursor` of the page before this one."""
    after: NotRequired[str | None]
    """What follows this entry, oldest first."""


class Integrity(TypedDict):
    """What the last check of the database found."""

    checkedAt: str
    """When the database was checked."""
    faults: list[str]
    """What was found; nothing if all is well."""


class HostClock(TypedDict):
    """
    By how many seconds the clock of a machine is `ahead` of the store's. The servers go
    by the store's: that of the database, or of the one machine. If a machine's is not
    `synchronized`, nobody keeps it right.
    """

    host: str
    """The machine."""
    ahead: float
    """Seconds by which its clock is ahead."""
    synchronized: bool
    """Whether somebody keeps it right."""


class Storage(TypedDict):
    """The SQLite file of a server, and the disk that it is on."""

    size: int
    """How many bytes it has, with the files beside it."""
    free: int
    """How many bytes are free on its disk."""
    readableByOthers: bool
    """Whether users of the machine may read it who should not."""


class Server(TypedDict):
    """
    What this server is doing; in the first scope also what it has refused.
    `failing_workers`: how many rounds of work in the background failed in a row.
    `integrity` is there once the database was checked, before a restart, too.
    """

    version: str
    """The server's version."""
    startedAt: str
    """When it was started."""
    now: str
    """What time it is for the server."""
    devices: int
    """How many devices the scope has."""
    heldPolls: int
    """How many of their polls are held."""
    counts: NotRequired[dict[str, int]]
    """What happened since the start, and how often."""
    failingWorkers: NotRequired[dict[str, int]]
    """Which work failed, and how many rounds in a row."""
    integrity: NotRequired[Integrity]
    """What the last check of the database found."""
    clocks: NotRequired[list[HostClock]]
    """The clocks of the machines that serve."""
    storage: NotRequired[Storage]
    """The SQLite file, if it is one."""


Period = Literal["hour", "day"]
"""Over how long one looks back."""
LatencyKind = Literal["enqueueToDevice", "deviceToResult", "commit", "loopLag"]
"""What took so long."""


class LatencyPoint(TypedDict):
    """What was measured from an instant until the next point."""

    at: str
    """From when on."""
    count: int
    """How many were measured."""
    p50: float
    """Half of them took at most so many seconds."""
    p99: float
    """99 of 100 took at most so many seconds."""


class Latency(TypedDict):
    """How long one kind of thing took; the percentiles are there if there was one."""

    kind: LatencyKind
    """
    What took so long: a command from when it may be given out until its device has it;
    from then until its result; a commit; or what the event loop was late with.
    """
    count: int
    """How many were measured."""
    p50: NotRequired[float]
    """Half of them took at most so many seconds."""
    p99: NotRequired[float]
    """99 of 100 took at most so many seconds."""
    points: list[LatencyPoint]
    """The same over time, oldest first; where nothing was measured, there is none."""


class Latencies(TypedDict):
    """How long things took, of each kind."""

    items: list[Latency]
    """The kinds."""


class RowCount(TypedDict):
    """How many rows of a kind there are."""

    kind: str
    """What they are: the name of their table."""
    rows: int
    """How many there are; with PostgreSQL an estimate."""
    rowsLastDay: int
    """How many of them came in the last 24 hours."""
    size: NotRequired[int]
    """How many bytes they take with their indexes; PostgreSQL alone says so."""


class Database(TypedDict):
    """How much is stored."""

    size: int
    """How many bytes the database takes."""
    unused: NotRequired[int]
    """How many of them a SQLite file keeps for new rows."""
    rows: list[RowCount]
    """What grows, by kind."""


class Statistics(TypedDict):
    """What an operator wants to see at a glance; outside the first scope only `at`."""

    at: str
    """When it was read; what is in `database` may be a minute older."""
    devices: NotRequired[dict[str, int]]
    """How many are `online`, `offline` and `quarantined`."""
    commands: NotRequired[dict[str, int]]
    """How many commands have not ended, by state."""
    commandsLastDay: NotRequired[dict[str, int]]
    """How many were enqueued in the last 24 hours, by the state they are in now."""
    oldestPendingAt: NotRequired[str]
    """When the oldest command that waits was enqueued."""
    webhookBacklog: NotRequired[int]
    """How many deliveries failed and are tried again."""
    webhookBacklogSince: NotRequired[str]
    """When the oldest event happened that such a delivery is about."""
    database: NotRequired[Database]
    """How much is stored, and how fast that grows."""
    lastBackupAt: NotRequired[str]
    """When the server made its newest backup, if it makes any."""


class LineProblem(TypedDict):
    """What is wrong with one line of a file; lines are counted from one."""

    line: int
    """The line, from one."""
    detail: str
    """What is wrong with it."""
    pointer: NotRequired[str]
    """The field, as a JSON Pointer."""


class Problem(TypedDict):
    """
    What went wrong: `type` for programs, `detail` for people. `errors` are the wrong
    lines of a file.
    """

    type: str
    """What kind of problem it is: the same for ever."""
    title: str
    """What kind it is, for people."""
    status: int
    """The status of the answer."""
    detail: str
    """What went wrong here."""
    pointer: NotRequired[str]
    """The wrong field, as a JSON Pointer."""
    errors: NotRequired[list[LineProblem]]
    """The wrong lines of a file."""
    requestId: NotRequired[str]
    """The request's `X-Request-Id`, by which it is found in the server's log."""
