"""The rows of the table: each measures one promise of speed."""

import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench import measure, postgres, prefill, webhooks, wire
from bench.large_task import TaskTimings, measure_task
from bench.machine import LOAD_CORES, pinned_to, resident_bytes
from bench.measure import Ratio, print_progress, run_load
from bench.mixed_row import mixed
from bench.processor_rows import processor_time
from bench.row import (
    DEVICES,
    FINISHED_COMMANDS,
    FLEET_DEVICES,
    Bench,
    TableRow,
    at_least,
    reported,
)
from bench.servers import RunningServer, ServerKind, ServerSetup, running
from bench.slowdisk import slow_sync

PENDING = 100_000
ORDERS_A_SECOND = 500
HELD, HELD_FOR_MEMORY = 10_000, 5000
DEVICES_OF_TASK = 10_000
HOLD = 60
KIB = 1024


def idle(bench: Bench) -> Sequence[TableRow]:
    """Idle polls against the bare handler."""
    bare, setup = bench.setup(ServerKind.BARE), bench.setup(ServerKind.OURS)
    with running(bare) as theirs, running(setup) as ours:
        ours.import_devices(DEVICES)
        ratio = bench.compare(ours, theirs, "idle")
    title = "idle polls/s, 64 kept-alive connections, 1,000 adopted devices"
    return [reported(ratio, what=title, baseline=ServerKind.BARE)]


def _against_obvious(
    bench: Bench, preload: Path | None = None, hands: int = 64
) -> Ratio:
    obvious = bench.setup(ServerKind.OBVIOUS, preload=preload)
    setup = bench.setup(ServerKind.OURS, preload=preload)
    with running(obvious) as theirs, running(setup) as ours:
        ours.import_devices(DEVICES)
        return bench.compare(ours, theirs, "cycles", hands=hands)


def cycles(bench: Bench) -> Sequence[TableRow]:
    """Full cycles, 64 at a time, against the obvious server."""
    ratio = _against_obvious(bench)
    title = "full cycles/s (enqueue, poll, result, each durable), 64 at a time"
    return [at_least(6.5, ratio, what=title, baseline=ServerKind.OBVIOUS)]


def commits(bench: Bench) -> Sequence[TableRow]:
    """Full cycles against the same server that keeps nothing."""
    nothing, setup = bench.setup(ServerKind.NO_COMMIT), bench.setup(ServerKind.OURS)
    with running(nothing) as theirs, running(setup) as ours:
        ours.import_devices(DEVICES)
        theirs.import_devices(DEVICES)
        ratio = bench.compare(ours, theirs, "cycles")
    against = "itself with the store's commits replaced by nothing"
    return [at_least(0.5, ratio, what="the same cycle", baseline=against)]


def alone(bench: Bench) -> Sequence[TableRow]:
    """One cycle at a time against the obvious server."""
    ratio = _against_obvious(bench, hands=1)
    title = "one cycle at a time, nobody else"
    return [at_least(1.2, ratio, what=title, baseline=ServerKind.OBVIOUS)]


def slow_disk(bench: Bench) -> Sequence[TableRow]:
    """Full cycles, 64 at a time, where each sync takes 2 ms more."""
    ratio = _against_obvious(bench, preload=slow_sync(bench.folder))
    title = "full cycles/s, 64 at a time, on a disk whose sync takes 2 ms more"
    return [at_least(25, ratio, what=title, baseline=ServerKind.OBVIOUS)]


def latency(bench: Bench) -> Sequence[TableRow]:
    """From an order to the held device that has it."""
    rounds = [_one_latency(bench, HELD) for _ in range(bench.effort.rounds)]
    p50, p99, after = (
        statistics.median(report[name] for report in rounds)
        for name in ("p50", "p99", "afterReplyP50")
    )
    return [
        TableRow(
            what=f"enqueue sent until a held device has it, {ORDERS_A_SECOND}/s,"
            f" {HELD:,} polls held, p99",
            target="≤ 5 ms",
            measured=f"{p99:.1f} ms (p50 {p50:.1f}, after the reply p50 {after:.1f})",
            is_met=p99 <= 5,  # noqa: PLR2004 - said two lines above
        )
    ]


def _one_latency(bench: Bench, polls: int) -> Mapping[str, float]:
    # A new server each time: a device that hung up is not held as long again.
    with running(bench.setup(ServerKind.OURS, hold=HOLD)) as ours:
        ours.import_devices(polls)
        report = run_load(
            ours,
            "latency",
            polls=polls,
            rate=ORDERS_A_SECOND,
            warm=1,
            seconds=bench.effort.latency_seconds,
        )
    print_progress(
        f"  {polls} held: " + ", ".join(f"{k} {v:.2f}" for k, v in report.items())
    )
    return report


def memory(bench: Bench) -> Sequence[TableRow]:
    """What a held poll holds."""
    each = statistics.median(_one_memory(bench) for _ in range(bench.effort.rounds))
    return [
        TableRow(
            what=f"memory for each held poll ({HELD_FOR_MEMORY:,} held)",
            target="≤ 4 KiB",
            measured=f"{each:.1f} KiB",
            is_met=each <= 4,  # noqa: PLR2004 - said two lines above
        )
    ]


def _one_memory(bench: Bench) -> float:
    with running(bench.setup(ServerKind.OURS, hold=HOLD)) as ours:
        ours.import_devices(HELD_FOR_MEMORY)
        before = resident_bytes(ours.process_id)
        with measure.holding_polls(ours, HELD_FOR_MEMORY):
            grown = resident_bytes(ours.process_id) - before
    print_progress(f"  {grown / HELD_FOR_MEMORY / KIB:.2f} KiB each")
    return grown / HELD_FOR_MEMORY / KIB


def task(bench: Bench) -> Sequence[TableRow]:
    """A task for many devices, and the orders for a door beside it."""
    rounds = [_one_task(bench) for _ in range(bench.effort.rounds)]
    seconds = statistics.median(report.task_seconds for report in rounds)
    slowest = statistics.median(report.slowest_door_seconds for report in rounds) * 1000
    alone = statistics.median(report.usual_door_seconds for report in rounds) * 1000
    return [
        TableRow(
            what=f"a task for {DEVICES_OF_TASK:,} devices is made",
            target="≤ 2 s",
            measured=f"{seconds:.2f} s",
            is_met=seconds <= 2,  # noqa: PLR2004 - said two lines above
        ),
        TableRow(
            what="the slowest enqueue to a door meanwhile, one at a time",
            target="≤ 100 ms",
            measured=f"{slowest:.0f} ms (p50 of others {alone:.1f})",
            is_met=slowest <= 100,  # noqa: PLR2004 - said two lines above
        ),
    ]


def _one_task(bench: Bench) -> TaskTimings:
    with running(bench.setup(ServerKind.OURS)) as ours, pinned_to(LOAD_CORES):
        ours.import_devices(DEVICES_OF_TASK + 1)
        report = measure_task(ours, DEVICES_OF_TASK)
    print_progress(
        f"  {report.task_seconds:.2f} s, a door waits"
        f" {report.slowest_door_seconds * 1000:.0f} ms at the most"
    )
    return report


def history(bench: Bench) -> Sequence[TableRow]:
    """Cycles and idle polls over a long past against over none."""
    step = FLEET_DEVICES // DEVICES
    empty, full = bench.setup(ServerKind.OURS, "empty"), _filled_setup(bench)
    with running(empty) as empty_server, running(full) as full_server:
        empty_server.import_devices(DEVICES, step=step)
        cycle = bench.compare(full_server, empty_server, "cycles", step=step)
        poll = bench.compare(full_server, empty_server, "idle", step=step)
    over = (
        f" over {FINISHED_COMMANDS:,} finished commands and {FLEET_DEVICES:,} devices"
    )
    return [
        at_least(
            0.95, cycle, what="full cycles/s, 64 at a time" + over, baseline="over none"
        ),
        at_least(0.95, poll, what="idle polls/s" + over, baseline="over none"),
    ]


def start(bench: Bench) -> Sequence[TableRow]:
    """How long a start takes over a long past and a long queue."""
    setup = _filled_setup(bench)
    prefill.fill(setup.database, devices=FLEET_DEVICES, finished=0, pending=PENDING)
    start_seconds = []
    for turn in range(bench.effort.rounds):
        with running(setup) as ours:
            start_seconds.append(ours.started_in)
            # Another device each time: what was handed out is in flight for a while.
            _assert_command_pending(ours, wire.FIRST_DEVICE + turn)
        print_progress(f"  ready after {start_seconds[-1]:.2f} s")
    seconds = statistics.median(start_seconds)
    return [
        TableRow(
            what=f"start with {FINISHED_COMMANDS:,} finished and {PENDING:,} pending",
            target="≤ 3 s",
            measured=f"{seconds:.2f} s",
            is_met=seconds <= 3,  # noqa: PLR2004 - said two lines above
        )
    ]


def _assert_command_pending(server: RunningServer, device: int) -> None:
    _, answer = server.call("GET", f"/push?deviceId={device}&uuid=u1")
    assert b"load_objects" in answer, "a pending command was not handed out"


def _filled_setup(bench: Bench) -> ServerSetup:
    """Make a database with a long past, or take the one that was made before."""
    cached = bench.folder / "history.db"
    setup = bench.setup(ServerKind.OURS, "filled")
    if not cached.exists():
        print_progress(f"  filling a database: {FINISHED_COMMANDS:,} finished")
        with running(setup):
            pass
        prefill.fill(
            setup.database,
            devices=FLEET_DEVICES,
            finished=FINISHED_COMMANDS,
            pending=0,
        )
        shutil.copyfile(setup.database, cached)
    shutil.copyfile(cached, setup.database)
    return setup


#: In the order of the table.
ROWS: Mapping[str, Callable[[Bench], Sequence[TableRow]]] = MappingProxyType(
    {
        "processor": processor_time,
        "idle": idle,
        "cycles": cycles,
        "commits": commits,
        "alone": alone,
        "slow-disk": slow_disk,
        "latency": latency,
        "memory": memory,
        "history": history,
        "start": start,
        "mixed": mixed,
        "task": task,
        "webhooks": webhooks.webhooks,
        "postgres-idle": postgres.idle,
        "postgres-cycles": postgres.cycles,
        "postgres-workers": postgres.workers,
        "postgres-wake": postgres.wake,
    }
)
