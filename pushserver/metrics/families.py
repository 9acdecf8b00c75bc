"""Every metric: its name, kind, labels and meaning. `docs/metrics.md` has the same."""

import enum
from collections.abc import Mapping
from types import MappingProxyType

import attrs


class Kind(enum.StrEnum):
    """What Prometheus may do with a metric's numbers."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@attrs.frozen
class Family:
    """
    A metric. A counter's `name` ends in `_total`.

    `is_leaders`: it is about the database, so of several servers over one only the
    leader tells it.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    is_leaders: bool = False


def _counter(name: str, text: str, *labels: str) -> Family:
    return Family(f"pushserver_{name}_total", Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str, is_leaders: bool = False) -> Family:
    return Family(f"pushserver_{name}", Kind.GAUGE, text, labels, is_leaders)


def _histogram(name: str, text: str) -> Family:
    return Family(f"pushserver_{name}", Kind.HISTOGRAM, text)


BUILD = _gauge("build_info", "Is 1; which release runs.", "version", "store")
LEADER = _gauge("leader", "Whether this server leads those over its database.")
POLLS = _counter("polls", "Polls of served devices, by what they got.", "outcome")
HELD_POLLS = _gauge("held_polls", "Polls that wait for a command.")
REFUSED = _counter(
    "refused_device_requests", "Polls and results refused, by reason.", "reason"
)
BEYOND_BOUNDS = _counter(
    "beyond_bounds", "What was refused or dropped beyond a setting.", "bound"
)
LARGE_BODIES = _counter(
    "large_bodies", "Large bodies that waited, or found no room.", "outcome"
)
CLOSED_CONNECTIONS = _counter(
    "closed_connections", "Connections closed to bound how many there are.", "reason"
)
UNKNOWN_REQUESTS = _counter(
    "unknown_requests", "Requests of devices that are neither a poll nor a result."
)
UNPARSABLE = _counter("unparsable_requests", "Requests that are no HTTP.")
WRONG_TOKENS = _counter("wrong_tokens", "Calls with a token that is not valid.")
CONFLICTS = _counter(
    "identity_conflicts", "Two terminals that poll as one device, each time noticed."
)
RESPONSES = _counter(
    "http_responses",
    "Answers, by call and status; not those to idle polls.",
    "method",
    "route",
    "status",
)
CREATED = _counter("commands_created", "Commands that were enqueued.")
COMMAND_EVENTS = _counter(
    "command_events", "What happened to commands, by event.", "event"
)
REDELIVERIES = _counter(
    "redeliveries", "Commands handed out again, since no answer came."
)
TIMEOUTS = _counter(
    "command_timeouts", "Commands given up: nobody knows what the device did."
)
ORPHANS = _counter("orphan_results", "Results that belong to no command.")
TO_DEVICE = _histogram(
    "enqueue_to_device_seconds",
    "From when a command may be given out until its device has it.",
)
TO_RESULT = _histogram(
    "device_to_result_seconds", "From when a device has a command until its result."
)
COMMIT_SECONDS = _histogram(
    "commit_seconds", "How long transactions that write take, to the disk."
)
COMMIT_ROWS = _histogram("commit_rows", "How many rows such a transaction writes.")
FAILED_COMMITS = _counter("failed_commits", "Transactions that failed for the store.")
LOOP_LAG = _histogram(
    "loop_lag_seconds", "How late the event loop does what is due, each half second."
)
LOG_WAITING = _gauge("log_lines_waiting", "Log lines that are not written yet.")
LOG_DROPPED = _counter(
    "log_lines_dropped", "Log lines that found no room, or could not be written."
)
FAILING_WORKERS = _gauge(
    "failing_worker_rounds", "Rounds of background work that failed in a row.", "work"
)
WEBHOOK_ATTEMPTS = _counter(
    "webhook_attempts", "Webhooks sent, by what came of it.", "outcome"
)
WEBHOOK_SECONDS = _histogram("webhook_seconds", "How long receivers take to answer.")
LIVE_COMMANDS = _gauge(
    "live_commands", "Commands that have not ended, by state.", "state", is_leaders=True
)
OLDEST_PENDING = _gauge(
    "oldest_pending_seconds", "Age of the oldest waiting command.", is_leaders=True
)
DEVICES = _gauge("devices", "Devices, by presence.", "presence", is_leaders=True)
WEBHOOK_BACKLOG = _gauge(
    "webhook_backlog", "Deliveries that failed and are tried again.", is_leaders=True
)
WEBHOOK_BACKLOG_AGE = _gauge(
    "webhook_backlog_age_seconds",
    "Age of the oldest event that such a delivery is about.",
    is_leaders=True,
)
SUBSCRIPTIONS = _gauge(
    "subscriptions", "Subscriptions, by health.", "health", is_leaders=True
)
LAST_BACKUP = _gauge(
    "last_backup_timestamp_seconds",
    "When the server made its newest backup, in Unix seconds.",
)
CPU = Family("process_cpu_seconds_total", Kind.COUNTER, "Processor time used.")
MEMORY = Family("process_resident_memory_bytes", Kind.GAUGE, "Memory in use.")
OPEN_FILES = Family("process_open_fds", Kind.GAUGE, "Open files and connections.")
MAX_FILES = Family("process_max_fds", Kind.GAUGE, "How many of them may be open.")
STARTED = Family(
    "process_start_time_seconds", Kind.GAUGE, "When it started, in Unix seconds."
)

FAMILIES: tuple[Family, ...] = tuple(
    each for each in list(globals().values()) if isinstance(each, Family)
)

#: The plain counts that have a metric to themselves.
SINGLE_COUNTS: Mapping[str, Family] = MappingProxyType(
    {
        "stray": UNKNOWN_REQUESTS,
        "requests.unparsable": UNPARSABLE,
        "tokens.wrong": WRONG_TOKENS,
        "identityConflicts": CONFLICTS,
    }
)
#: What the names of the others begin with; the rest of the name is the label.
COUNT_GROUPS: Mapping[str, Family] = MappingProxyType(
    {
        "polls": POLLS,
        "refused": REFUSED,
        "bounds": BEYOND_BOUNDS,
        "bodies": LARGE_BODIES,
        "connections": CLOSED_CONNECTIONS,
    }
)
